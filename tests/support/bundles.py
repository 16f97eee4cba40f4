"""Registers a pair as a worker does: sealed, signed, with a manifest that fits it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from support import domain
from transformers import PreTrainedModel

from unlearn_core import ports
from unlearn_core.domain.artifacts import OffsetPairManifest
from unlearn_core.domain.canonical import digest_of
from unlearn_core.modeling.bundles import write_bundle
from unlearn_core.modeling.weights import own_tensors_digest, pack_pair
from unlearn_core.ports import RegisteredVersion


def register_pair(
    manifest: OffsetPairManifest,
    *,
    unlearned: PreTrainedModel,
    reference: PreTrainedModel,
    sealer: ports.PairSealer,
    signer: ports.Signer,
    registry: ports.ArtifactRegistry,
    run: str,
    spoil: Callable[[Path], None] = lambda _folder: None,
) -> RegisteredVersion:
    """Register a version.

    Args:
        manifest: What it says, but for the digests of the weights.
        unlearned: The trained small model.
        reference: The frozen small model.
        sealer: Seals the weights.
        signer: Signs the manifest.
        registry: Where it is registered.
        run: The run that made it.
        spoil: Changes the bundle's folder before it is uploaded.
    """
    pair = pack_pair(unlearned=unlearned, reference=reference)
    stored = sealer.close(pair, base_model=manifest.base_model)
    complete = replace(
        manifest,
        reference=own_tensors_digest(reference),
        unlearned=own_tensors_digest(unlearned),
        pair_file=digest_of(stored),
        vocabulary_size=int(reference.config.vocab_size),
    )
    with TemporaryDirectory() as name:
        folder = Path(name)
        digest = write_bundle(
            folder, manifest=complete, sealed_pair=stored, signer=signer
        )
        spoil(folder)
        return registry.register(
            manifest.base_model,
            folder,
            version=RegisteredVersion(
                version="",
                manifest=digest,
                sequence=manifest.sequence,
                request_id=str(domain.request_id(manifest.sequence)),
            ),
            run=run,
        )
