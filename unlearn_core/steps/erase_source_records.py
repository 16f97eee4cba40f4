"""Erase at the source: announce, erase, read back."""

from collections import Counter

from unlearn_core.domain.decisions import ERASURE_ANNOUNCED
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.sources import SourceRecord, records_from_bytes
from unlearn_core.errors import SourceUnreadableError
from unlearn_core.ports import KeepsHolds, TellsApart
from unlearn_core.steps import scopes
from unlearn_core.steps.journal import recorded
from unlearn_core.steps.results import SourcesErased
from unlearn_core.steps.workbench import Workbench


@recorded(Stage.SOURCES_ERASED, result=SourcesErased)
def erase_source_records(request_id: RequestId, *, bench: Workbench) -> SourcesErased:
    """Erase the located records in every source that allows it.

    The intention is in the ledger before anything is destroyed, and the count that is
    recorded as erased is the count that was located and read back as absent. A record
    on hold stays, whether the search, a person or the source itself says so. So does
    one whose identifier another record has that was not located.

    Raises:
        SourceUnreadableError: A source cannot be written, or records are still there
            afterwards.
    """
    sealed = bench.custody.get(scopes.working(request_id), scopes.LOCATED)
    located: dict[str, list[SourceRecord]] = {}
    for record in records_from_bytes(sealed):
        located.setdefault(record.source, []).append(record)
    erased: dict[str, int] = {}
    held: dict[str, int] = {}
    kept: list[str] = []
    for name, records in located.items():
        source = bench.sources[name]
        if not source.describe().is_erasable:
            kept.append(name)
            continue
        wanted = {item.record_id for item in records}
        wanted -= {item.record_id for item in records if item.is_held}
        if isinstance(source, TellsApart):
            wanted -= source.shared(
                Counter(item.record_id for item in records if item.record_id in wanted)
            )
        bench.ledger.note(
            ERASURE_ANNOUNCED,
            {"source": name, "records": len(wanted)},
            request_id=request_id,
            lease=bench.lease,
        )
        source.erase(wanted, dry_run=False)
        if not source.confirm_absent(wanted):
            raise SourceUnreadableError(source=name, problem="records are still there")
        if isinstance(source, KeepsHolds):
            wanted -= source.held(wanted)
        erased[name] = sum(item.record_id in wanted for item in records)
        if len(records) > erased[name]:
            held[name] = len(records) - erased[name]
    return SourcesErased(erased=erased, kept=kept, held=held)
