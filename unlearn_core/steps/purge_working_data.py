"""Purge: destroy the key of everything that was made from the subject's data."""

from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.steps import holding, scopes
from unlearn_core.steps.journal import recorded
from unlearn_core.steps.results import Purged
from unlearn_core.steps.workbench import Workbench


@recorded(Stage.PURGED, result=Purged)
def purge_working_data(request_id: RequestId, *, bench: Workbench) -> Purged:
    """Shred identifiers, located records, datasets, probes, checkpoints and pairs.

    Afterwards nobody can read them, this service and its backups included. What stays
    of a promoted request is its part of the pair and of what `holding` keeps.

    Raises:
        RegistryUnavailableError: A promotion was cut off, and the registry does not
            tell whether its version is in service.
        IntegrityError: Neither does the version that is.
    """
    holding.let_go_unless_promoted(request_id, bench=bench)
    bench.custody.shred(scopes.evidence(request_id))
    destroyed = bench.custody.shred(scopes.working(request_id))
    return Purged(
        key=destroyed.key,
        objects=destroyed.objects,
        destroyed_at=destroyed.destroyed_at,
    )
