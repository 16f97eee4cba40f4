"""Promote: make a registered version the one to be served."""

from datetime import datetime

from unlearn_core.domain.canonical import Digest, canonical_json
from unlearn_core.domain.pointers import POINTER_TYPE, ServingPointer
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.steps import holding
from unlearn_core.steps.cut_off_replica import cut_offs
from unlearn_core.steps.journal import read_result, recorded
from unlearn_core.steps.lineage import SERVING, read_lineage
from unlearn_core.steps.publish_restrictions import published_version
from unlearn_core.steps.results import Promoted, Registered, Trained
from unlearn_core.steps.workbench import Workbench


@recorded(Stage.PROMOTED, result=Promoted)
def promote_version(request_id: RequestId, *, bench: Workbench) -> Promoted:
    """Move the alias and publish the signed pointer.

    The alias comes before the pointer: it says what the next version builds on, so
    nothing is ever served on which a later version would not build. Replicas may go on
    with the version before until they have the new one; only `confirm_serving` raises
    the minimum. So no answer is refused during the change.

    Raises:
        RegistryUnavailableError: The registry does not answer.
        LineageConflictError: Another version was promoted since the training.
        LeaseLostError: Another worker has taken over.
    """
    registered = read_result(bench, request_id, Stage.REGISTERED, result=Registered)
    lineage = read_lineage(bench=bench)
    if not lineage.covers(request_id):
        trained = read_result(bench, request_id, Stage.TRAINED, result=Trained)
        lineage.check_continued_by(trained)
        bench.check_lease()
        holding.hand_on(
            request_id,
            pair=trained.unlearned,
            manifest=registered.manifest,
            bench=bench,
        )
        bench.check_lease()
        bench.registry.set_alias(bench.terms.base_model, SERVING, registered.version)
    bench.check_lease()
    publish_pointer(registered, minimum_sequence=registered.sequence - 1, bench=bench)
    holding.let_go_of_superseded(request_id, lineage=lineage, bench=bench)
    return Promoted(
        version=registered.version,
        sequence=registered.sequence,
        held=holding.is_held(request_id, manifest=registered.manifest, bench=bench),
    )


def publish_pointer(
    registered: Registered, *, minimum_sequence: int, bench: Workbench
) -> None:
    """Sign and publish what replicas must serve, unless a later version is served.

    A later version contains this one, so its pointer is left alone.
    """
    promoted = bench.registry.alias(bench.terms.base_model, SERVING)
    if promoted != registered.version:
        return
    issued_at: datetime = bench.clock.now()
    pointer = ServingPointer(
        base_model=bench.terms.base_model,
        version=registered.version,
        manifest=Digest(registered.manifest),
        sequence=registered.sequence,
        minimum_sequence=minimum_sequence,
        issued_at=issued_at,
        expires_at=issued_at + bench.terms.pointer_validity,
        cut_off=tuple(cut.replica for cut in cut_offs(bench.ledger)),
        restrictions=published_version(bench.ledger),
    )
    envelope = bench.signer.sign(
        canonical_json(pointer.to_json()), payload_type=POINTER_TYPE
    )
    bench.registry.publish_pointer(bench.terms.base_model, envelope)
