"""The stored form of an offset pair: a folder with a signed manifest and a pair file.

``manifest.dsse.json``
    The `OffsetPairManifest` in a signed envelope.
``pair.safetensors``
    The weights of both small models, sealed with the artifact key.

`open_bundle` checks, in this order:

1. the folder holds exactly these two files;
2. the manifest's envelope is signed by a trusted key;
3. the manifest is well-formed and names the expected base model;
4. it fits the base weights, tokenizer and chat template at hand;
5. the pair file has the digest that the manifest names;
6. the pair file can be unsealed and has the digests of reference and unlearned;
7. the weights load, fit the vocabulary and are finite.

Nothing is used before all checks have passed.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedModel

from unlearn_core.domain.artifacts import ModelIdentity, OffsetPairManifest
from unlearn_core.domain.canonical import Digest, canonical_json, digest_of
from unlearn_core.errors import (
    DigestMismatchError,
    IncompatibleBaseError,
    ManifestInvalidError,
    StorageError,
)
from unlearn_core.modeling.weights import own_tensors_digest, unpack_pair
from unlearn_core.ports import EnvelopeOpener, PairSealer, Signer

MANIFEST_FILE = "manifest.dsse.json"
PAIR_FILE = "pair.safetensors"
MANIFEST_TYPE = "application/vnd.unlearn.offset-pair+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedBundle:
    """A pair that passed every check.

    Attributes:
        manifest: What it is.
        manifest_digest: Digest of the manifest.
        unlearned: The trained small model.
        reference: The frozen small model.
    """

    manifest: OffsetPairManifest
    manifest_digest: Digest
    unlearned: PreTrainedModel
    reference: PreTrainedModel


def write_bundle(
    folder: Path, *, manifest: OffsetPairManifest, sealed_pair: bytes, signer: Signer
) -> Digest:
    """Write a bundle into an empty folder and return the manifest's digest.

    Raises:
        StorageError: The folder cannot be written, a full disk included.
    """
    payload = canonical_json(manifest.to_json())
    envelope = signer.sign(payload, payload_type=MANIFEST_TYPE)
    try:
        (folder / PAIR_FILE).write_bytes(sealed_pair)
        (folder / MANIFEST_FILE).write_bytes(envelope)
    except OSError as error:
        raise StorageError(errno=error.errno) from None
    return digest_of(payload)


def read_manifest(
    folder: Path, *, opener: EnvelopeOpener
) -> tuple[OffsetPairManifest, Digest]:
    """Do checks 1 to 3 and return the manifest with its digest.

    Raises:
        ManifestInvalidError: Check 1 or 3 fails.
        SignatureInvalidError: Check 2 fails.
    """
    # Check 1.
    is_file = {path.name: path.is_file() for path in folder.iterdir()}
    if is_file != {MANIFEST_FILE: True, PAIR_FILE: True}:
        raise ManifestInvalidError(problem="files of the bundle")
    # Check 2.
    envelope = (folder / MANIFEST_FILE).read_bytes()
    payload = opener.open(envelope, payload_type=MANIFEST_TYPE)
    # Check 3, but for the base model's name.
    try:
        raw = json.loads(payload)
    except ValueError:
        raise ManifestInvalidError(problem="not JSON") from None
    if not isinstance(raw, dict):
        raise ManifestInvalidError(problem="not a JSON object")
    return OffsetPairManifest.from_json(raw), digest_of(payload)


def open_bundle(
    folder: Path,
    *,
    base_model: str,
    identity: ModelIdentity,
    vocabulary_size: int,
    opener: EnvelopeOpener,
    sealer: PairSealer,
    device: torch.device,
) -> OpenedBundle:
    """Check a bundle and load its models.

    Raises:
        IntegrityError: A check fails; the subclass says which.
    """
    manifest, manifest_digest = read_manifest(folder, opener=opener)
    # Check 3, the base model's name.
    if manifest.base_model != base_model:
        raise IncompatibleBaseError(part="name")
    # Check 4.
    manifest.check_fits(identity)
    # Check 5.
    stored = (folder / PAIR_FILE).read_bytes()
    if digest_of(stored) != manifest.pair_file:
        raise DigestMismatchError(file=PAIR_FILE)
    # Checks 6 and 7.
    pair = sealer.open(stored, base_model=base_model)
    unlearned, reference = unpack_pair(pair, device=device)
    if own_tensors_digest(unlearned) != manifest.unlearned:
        raise DigestMismatchError(part="unlearned")
    if own_tensors_digest(reference) != manifest.reference:
        raise DigestMismatchError(part="reference")
    if not unlearned.config.vocab_size == manifest.vocabulary_size == vocabulary_size:
        raise IncompatibleBaseError(part="vocabulary")
    return OpenedBundle(
        manifest=manifest,
        manifest_digest=manifest_digest,
        unlearned=unlearned,
        reference=reference,
    )
