"""Erase at the source: announce, erase, read back."""

from unlearn_core.domain.decisions import ERASURE_ANNOUNCED
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.sources import records_from_bytes
from unlearn_core.errors import SourceUnreadableError
from unlearn_core.steps import scopes
from unlearn_core.steps.journal import recorded
from unlearn_core.steps.results import SourcesErased
from unlearn_core.steps.workbench import Workbench


@recorded(Stage.SOURCES_ERASED, result=SourcesErased)
def erase_source_records(request_id: RequestId, *, bench: Workbench) -> SourcesErased:
    """Erase the located records in every source that allows it.

    The intention is in the ledger before anything is destroyed, and the count that is
    recorded as erased is the count that was located and read back as absent.

    Raises:
        SourceUnreadableError: A source cannot be written, or records are still there
            afterwards.
    """
    sealed = bench.custody.get(scopes.working(request_id), scopes.LOCATED)
    ids: dict[str, list[str]] = {}
    for record in records_from_bytes(sealed):
        ids.setdefault(record.source, []).append(record.record_id)
    erased: dict[str, int] = {}
    kept: list[str] = []
    for name, record_ids in ids.items():
        source = bench.sources[name]
        if not source.describe().is_erasable:
            kept.append(name)
            continue
        bench.ledger.note(
            ERASURE_ANNOUNCED,
            {"source": name, "records": len(record_ids)},
            request_id=request_id,
            lease=bench.lease,
        )
        source.erase(record_ids, dry_run=False)
        if not source.confirm_absent(record_ids):
            raise SourceUnreadableError(source=name, problem="records are still there")
        erased[name] = len(record_ids)
    return SourcesErased(erased=erased, kept=kept)
