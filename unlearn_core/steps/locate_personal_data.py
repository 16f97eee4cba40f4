"""Locate: search every source; what could not be searched is never forgotten."""

from unlearn_core.domain.requests import Outcome, RequestId, Stage
from unlearn_core.domain.sources import SourceRecord, records_to_bytes
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import SourceUnreadableError
from unlearn_core.ports import SourceConnector
from unlearn_core.steps import scopes
from unlearn_core.steps.journal import recorded
from unlearn_core.steps.results import Located
from unlearn_core.steps.subject import read_subject
from unlearn_core.steps.workbench import Workbench

SEARCH_FAILED = "source_search_failed"
SEARCHED = "source_searched"


@recorded(Stage.LOCATED, Stage.NOT_FOUND, result=Located)
def locate_personal_data(request_id: RequestId, *, bench: Workbench) -> Located:
    """Search every source and seal what was found.

    A source that cannot be read is tried again by a later attempt of this step; after
    `Terms.source_attempts` failures it counts as unsearched and the outcome can only
    be partial.

    Raises:
        SourceUnreadableError: A source could not be read and may be tried again.
    """
    subject = read_subject(request_id, bench=bench)
    found: dict[str, int] = {}
    records: list[SourceRecord] = []
    unsearched: list[str] = []
    for name, source in bench.sources.items():
        located, is_complete = _search(
            request_id, subject, name=name, source=source, bench=bench
        )
        records += located
        found[name] = len(located)
        if not is_complete:
            unsearched.append(name)
    if not records:
        outcome = Outcome.PARTIAL if unsearched else Outcome.NOT_FOUND
        return Located(
            stage=Stage.NOT_FOUND,
            found=found,
            unsearched=unsearched,
            commitment=None,
            outcome=outcome,
        )
    data = records_to_bytes(records)
    scope = scopes.working(request_id)
    bench.custody.put(scope, scopes.LOCATED, data)
    return Located(
        stage=Stage.LOCATED,
        found=found,
        unsearched=unsearched,
        commitment=bench.custody.commit(scope, data),
    )


def _search(
    request_id: RequestId,
    subject: DataSubject,
    *,
    name: str,
    source: SourceConnector,
    bench: Workbench,
) -> tuple[tuple[SourceRecord, ...], bool]:
    """Search one source; return its records and whether the search was complete."""
    try:
        result = source.locate(subject)
    except SourceUnreadableError:
        bench.ledger.note(
            SEARCH_FAILED, {"source": name}, request_id=request_id, lease=bench.lease
        )
        if _failures(request_id, name, bench=bench) < bench.terms.source_attempts:
            raise
        return (), False
    bench.ledger.note(
        SEARCHED,
        {
            "source": name,
            "searched": result.searched,
            "found": len(result.records),
            "unreadable": result.unreadable,
            "uncertain": result.uncertain,
        },
        request_id=request_id,
        lease=bench.lease,
    )
    return result.records, result.is_complete


def _failures(request_id: RequestId, name: str, *, bench: Workbench) -> int:
    return sum(
        entry.event == SEARCH_FAILED and entry.payload.get("source") == name
        for entry in bench.ledger.entries(request_id)
    )
