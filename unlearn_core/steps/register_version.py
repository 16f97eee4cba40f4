"""Register: sign the manifest, seal the pair, upload, register; never twice."""

from pathlib import Path
from tempfile import TemporaryDirectory

from unlearn_core.domain.artifacts import (
    Erasure,
    OffsetPairManifest,
    registered_model_name,
)
from unlearn_core.domain.canonical import Digest, digest_of
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.errors import LeaseLostError
from unlearn_core.modeling.bundles import write_bundle
from unlearn_core.modeling.weights import own_tensors_digest, unpack_pair
from unlearn_core.ports import RegisteredVersion
from unlearn_core.steps import scopes
from unlearn_core.steps.journal import read_result, recorded
from unlearn_core.steps.lineage import CANDIDATE, VERIFIED, Lineage, read_lineage
from unlearn_core.steps.results import (
    DatasetsBuilt,
    Registered,
    Trained,
    UnlearningVerified,
)
from unlearn_core.steps.workbench import Workbench


@recorded(Stage.REGISTERED, result=Registered)
def register_version(request_id: RequestId, *, bench: Workbench) -> Registered:
    """Register the verified pair.

    The sealed file is kept in custody before it is uploaded, so a repetition uploads
    the same bytes and finds the version that an interrupted attempt left. A worker
    that has lost its lease meanwhile removes what it created.

    Raises:
        LineageConflictError: Another version was promoted since the training.
        StorageError: The bundle cannot be written, a full disk included.
        RegistryUnavailableError: The registry does not answer.
    """
    verified = read_result(
        bench, request_id, Stage.UNLEARNING_VERIFIED, result=UnlearningVerified
    )
    trained = read_result(
        bench, request_id, Stage.TRAINED, result=Trained, rung=verified.rung
    )
    lineage = read_lineage(bench=bench)
    lineage.check_continued_by(trained)
    sealed = _sealed_pair(request_id, trained, bench=bench)
    manifest = _manifest(
        request_id, trained, lineage=lineage, sealed=sealed, bench=bench
    )
    manifest.check_builds_on(
        lineage.latest.manifest if lineage.latest else None,
        earlier_digest=lineage.latest_digest,
    )
    with TemporaryDirectory() as name:
        digest = write_bundle(
            Path(name), manifest=manifest, sealed_pair=sealed, signer=bench.signer
        )
        wanted = RegisteredVersion(
            version="",
            manifest=digest,
            sequence=manifest.sequence,
            request_id=str(request_id),
        )
        version = _find(request_id, digest, bench=bench) or _register(
            Path(name), wanted, trained.run, bench=bench
        )
    bench.check_lease()
    for alias in (CANDIDATE, VERIFIED):
        bench.registry.set_alias(bench.terms.base_model, alias, version.version)
    return Registered(
        registered_model=registered_model_name(bench.terms.base_model),
        version=version.version,
        sequence=version.sequence,
        manifest=version.manifest,
    )


def _sealed_pair(request_id: RequestId, trained: Trained, *, bench: Workbench) -> bytes:
    """Return the sealed pair file; the same bytes on every call."""
    scope, name = scopes.working(request_id), scopes.bundle(trained.unlearned)
    if not bench.custody.has(scope, name):
        pair = bench.custody.get(scope, scopes.pair(trained.rung))
        sealed = bench.sealer.close(pair, base_model=bench.terms.base_model)
        bench.custody.put(scope, name, sealed)
    return bench.custody.get(scope, name)


def _manifest(
    request_id: RequestId,
    trained: Trained,
    *,
    lineage: Lineage,
    sealed: bytes,
    bench: Workbench,
) -> OffsetPairManifest:
    """Describe the pair; every value is fixed by the ledger or the files."""
    built = read_result(bench, request_id, Stage.DATASETS_BUILT, result=DatasetsBuilt)
    verified = read_result(
        bench, request_id, Stage.UNLEARNING_VERIFIED, result=UnlearningVerified
    )
    recipe = bench.ladder[trained.rung]
    pair = bench.custody.get(scopes.working(request_id), scopes.pair(trained.rung))
    unlearned, reference = unpack_pair(pair, device=bench.models.device)
    earlier = lineage.latest.manifest.erasures if lineage.latest else ()
    own = Erasure(request_id=str(request_id), forget_set=built.forget_set)
    return OffsetPairManifest(
        base_model=bench.terms.base_model,
        sequence=lineage.next_sequence,
        previous=lineage.latest_digest,
        identity=bench.models.identity,
        reference=own_tensors_digest(reference),
        unlearned=own_tensors_digest(unlearned),
        pair_file=digest_of(sealed),
        vocabulary_size=bench.models.base.config.vocab_size,
        alpha=trained.alpha,
        scheme=recipe.scheme,
        objective=recipe.trained_for,
        recipe=recipe.digest,
        policy=bench.policy.digest,
        verdict=Digest(verified.report),
        code_version=bench.terms.code_version,
        erasures=(*earlier, own),
        created_at=_verified_at(request_id, bench=bench),
        untold=trained.untold,
        law_error=trained.law_error,
    )


def _verified_at(request_id: RequestId, *, bench: Workbench) -> str:
    """Return the moment of the verdict, the same on every repetition."""
    moments = [
        entry.recorded_at
        for entry in bench.ledger.entries(request_id)
        if entry.event == Stage.UNLEARNING_VERIFIED
    ]
    return moments[-1].isoformat()


def _find(
    request_id: RequestId, digest: Digest, *, bench: Workbench
) -> RegisteredVersion | None:
    for version in bench.registry.versions(bench.terms.base_model):
        if version.request_id == str(request_id) and version.manifest == digest:
            return version
    return None


def _register(
    folder: Path, wanted: RegisteredVersion, run: str, *, bench: Workbench
) -> RegisteredVersion:
    """Register under the lease; take it back if the lease was lost meanwhile."""
    base_model = bench.terms.base_model
    bench.check_lease()
    version = bench.registry.register(base_model, folder, version=wanted, run=run)
    try:
        bench.check_lease()
    except LeaseLostError:
        bench.registry.delete(base_model, version.version)
        raise
    return version
