"""Purge: destroy the key of everything that was made from the subject's data."""

from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.steps import scopes
from unlearn_core.steps.journal import recorded
from unlearn_core.steps.results import Purged
from unlearn_core.steps.workbench import Workbench


@recorded(Stage.PURGED, result=Purged)
def purge_working_data(request_id: RequestId, *, bench: Workbench) -> Purged:
    """Shred identifiers, located records, datasets, probes, checkpoints and pairs.

    Afterwards nobody can read them, this service and its backups included.
    """
    bench.custody.shred(scopes.evidence(request_id))
    destroyed = bench.custody.shred(scopes.working(request_id))
    return Purged(
        key=destroyed.key,
        objects=destroyed.objects,
        destroyed_at=destroyed.destroyed_at,
    )
