"""The version that a new one builds on: the latest registered, fetched and checked."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from unlearn_core import ports
from unlearn_core.domain.canonical import Digest
from unlearn_core.domain.requests import RequestId
from unlearn_core.errors import (
    DowngradeRefusedError,
    LineageConflictError,
)
from unlearn_core.modeling.bundles import OpenedBundle, open_bundle, read_manifest
from unlearn_core.steps.results import Trained
from unlearn_core.steps.standing import promoted_sequence
from unlearn_core.steps.workbench import Workbench
from unlearn_core.training.pair import PairMaterials


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What a new version builds on.

    Attributes:
        materials: Models for training, the previous unlearned model included.
        latest: The version before, if there is one.
    """

    materials: PairMaterials
    latest: OpenedBundle | None

    @property
    def next_sequence(self) -> int:
        """Return the sequence of the new version."""
        return self.latest.manifest.sequence + 1 if self.latest else 1

    @property
    def latest_digest(self) -> Digest | None:
        """Return the digest of the manifest that a new version builds on."""
        return self.latest.manifest_digest if self.latest else None

    def covers(self, request_id: RequestId) -> bool:
        """Tell whether the erasure of a request is in effect already."""
        erasures = self.latest.manifest.erasures if self.latest else ()
        return any(item.request_id == str(request_id) for item in erasures)

    def is_continued_by(self, trained: Trained) -> bool:
        """Tell whether a pair was trained on this very version."""
        return trained.previous == self.latest_digest

    def check_continued_by(self, trained: Trained) -> None:
        """Refuse a pair that was trained on another version.

        It does not know the erasures since then and would undo them.

        Raises:
            LineageConflictError: Another version was promoted since the training.
        """
        if not self.is_continued_by(trained):
            raise LineageConflictError(
                sequence=trained.sequence, expected=self.next_sequence
            )


def read_lineage(*, bench: Workbench) -> Lineage:
    """Fetch and check the version that is to be served at present.

    The promoted version counts, not the latest registered: a version that was
    registered but never promoted (a twin's leftover) is no ground to build on.

    Raises:
        RegistryUnavailableError: The registry does not answer.
        IntegrityError: The version fails a check, or somebody moved the alias back.
    """
    base_model = bench.terms.base_model
    version = bench.registry.alias(base_model, SERVING)
    latest = _open(version, bench=bench) if version else None
    check_not_behind(
        latest.manifest.sequence if latest else 0,
        base_model,
        requests=bench.requests,
        ledger=bench.ledger,
    )
    return Lineage(
        materials=PairMaterials(
            base=bench.models.base,
            tokenizer=bench.models.tokenizer,
            # The pair's own: its offset means nothing beside another reference.
            reference=latest.reference if latest else bench.models.reference,
            previous=latest.unlearned if latest else None,
            previous_alpha=latest.manifest.alpha if latest else 1.0,
        ),
        latest=latest,
    )


def is_in_service(request_id: RequestId, *, bench: Workbench) -> bool:
    """Tell whether the version to be served at present was made for a request.

    The registry is asked, not the ledger: a worker may die between the two.

    Raises:
        RegistryUnavailableError: The registry does not answer.
        IntegrityError: The version's manifest is not one.
    """
    base_model = bench.terms.base_model
    version = bench.registry.alias(base_model, SERVING)
    if version is None:
        return False
    with TemporaryDirectory() as folder:
        bench.registry.download(base_model, version, Path(folder))
        manifest, _ = read_manifest(Path(folder), opener=bench.envelopes)
    return manifest.erasures[-1].request_id == str(request_id)


def check_not_behind(
    sequence: int,
    base_model: str,
    *,
    requests: ports.RequestStore,
    ledger: ports.Ledger,
) -> None:
    """Refuse a version that falls behind what the ledger says was promoted.

    The registry can be written by others; building on an older version would undo the
    erasures since then.

    Raises:
        DowngradeRefusedError: A later version was promoted.
    """
    promoted = promoted_sequence(base_model, requests=requests, ledger=ledger)
    if sequence < promoted:
        raise DowngradeRefusedError(offered=sequence, minimum=promoted)


SERVING = "serving"
VERIFIED = "verified"
CANDIDATE = "candidate"


def _open(version: str, *, bench: Workbench) -> OpenedBundle:
    with TemporaryDirectory() as folder:
        bench.registry.download(bench.terms.base_model, version, Path(folder))
        return open_bundle(
            Path(folder),
            base_model=bench.terms.base_model,
            identity=bench.models.identity,
            vocabulary_size=bench.models.base.config.vocab_size,
            opener=bench.envelopes,
            sealer=bench.sealer,
            device=bench.models.device,
        )
