"""Locate: search every source; what could not be searched is never forgotten.

What may concern a namesake is decided about by a person. Until then the request is
under review, and nothing is erased.
"""

from dataclasses import dataclass, field

from unlearn_core.domain.requests import Outcome, RequestId, Stage
from unlearn_core.domain.reviews import concerning_subject, read_rulings
from unlearn_core.domain.sources import (
    SearchResult,
    SourceRecord,
    records_from_bytes,
    records_to_bytes,
    records_to_lines,
)
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import SealBrokenError, SourceUnreadableError
from unlearn_core.observability import EventLog
from unlearn_core.ports import FindsQuotes, SourceConnector
from unlearn_core.steps import scopes
from unlearn_core.steps.journal import read_result, recorded
from unlearn_core.steps.results import Located
from unlearn_core.steps.review_records import read_listed
from unlearn_core.steps.subject import read_subject
from unlearn_core.steps.workbench import Workbench

SEARCH_FAILED = "source_search_failed"
SEARCHED = "source_searched"

_LOG = EventLog("worker")


@dataclass(slots=True)
class _Finds:
    """What the sources have given so far."""

    records: list[SourceRecord] = field(default_factory=list)
    uncertain: list[SourceRecord] = field(default_factory=list)
    found: dict[str, int] = field(default_factory=dict)
    unsearched: list[str] = field(default_factory=list)
    given_up: set[str] = field(default_factory=set)
    too_much: list[str] = field(default_factory=list)


def locate_personal_data(request_id: RequestId, *, bench: Workbench) -> Located:
    """Search every source and seal what was found, or take in what was decided.

    A source that cannot be read is tried again by a later attempt of this step; after
    `Terms.source_attempts` failures it counts as unsearched and the outcome can only
    be partial. So do uncertain records of a source whose data map says so; all others
    go to the review list.

    Raises:
        SealBrokenError: Another list is kept than was found, or than was decided.
        SourceUnreadableError: A source could not be read and may be tried again.
    """
    if bench.requests.get(request_id).stage is Stage.REVIEWED:
        return _take_in(request_id, bench=bench)
    return _search_all(request_id, bench=bench)


@recorded(Stage.LOCATED, Stage.NOT_FOUND, Stage.UNDER_REVIEW, result=Located)
def _search_all(request_id: RequestId, *, bench: Workbench) -> Located:
    subject = read_subject(request_id, bench=bench)
    finds = _Finds()
    for name, source in bench.sources.items():
        result = _search(request_id, subject, name=name, source=source, bench=bench)
        waits = source.describe().waits_for_review
        if result is None:
            finds.given_up.add(name)
        finds.records += result.records if result else ()
        finds.found[name] = len(result.records) if result else 0
        finds.uncertain += result.doubtful if result and waits else ()
        if result and result.is_too_much:
            finds.too_much.append(name)
        if result is None or result.unreadable or (result.uncertain and not waits):
            finds.unsearched.append(name)
    _look_for_quotes(finds, bench=bench)
    if finds.uncertain:
        return _lay_before_person(request_id, finds, bench=bench)
    return _conclude(request_id, finds, bench=bench)


def _look_for_quotes(finds: _Finds, *, bench: Workbench) -> None:
    """Add records of searched sources that quote what was found for certain."""
    known = {
        (record.source, record.record_id)
        for record in (*finds.records, *finds.uncertain)
    }
    for name, source in bench.sources.items():
        if not (isinstance(source, FindsQuotes) and finds.records):
            continue
        if name in finds.given_up:
            continue
        quoting = [
            record
            for record in source.quoting(finds.records)
            if (record.source, record.record_id) not in known
        ]
        if source.describe().waits_for_review:
            finds.uncertain += quoting
        elif quoting and name not in finds.unsearched:
            finds.unsearched.append(name)


def _lay_before_person(
    request_id: RequestId, finds: _Finds, *, bench: Workbench
) -> Located:
    """Seal what is certain and, apart from it, the review list."""
    scope = scopes.working(request_id)
    listed = records_to_bytes(finds.uncertain)
    located = _conclude(request_id, finds, bench=bench)
    bench.custody.put(scope, scopes.REVIEW_LIST, listed)
    _LOG.warning("request_under_review", request_id=request_id)
    return Located(
        stage=Stage.UNDER_REVIEW,
        found=located.found,
        unsearched=located.unsearched,
        too_much=located.too_much,
        commitment=located.commitment,
        uncertain={
            name: count
            for name in finds.found
            if (count := sum(record.source == name for record in finds.uncertain))
        },
        review_list=bench.custody.commit(scope, listed),
    )


@recorded(Stage.LOCATED, Stage.NOT_FOUND, result=Located)
def _take_in(request_id: RequestId, *, bench: Workbench) -> Located:
    """Add the uncertain records that are about the subject after all."""
    searched = read_result(bench, request_id, Stage.UNDER_REVIEW, result=Located)
    certain = _read_certain(request_id, searched, bench=bench)
    listed = read_listed(request_id, searched.review_list, custody=bench.custody)
    rulings = read_rulings(bench.ledger.entries(request_id))
    records = [*certain, *concerning_subject(listed, rulings)]
    finds = _Finds(
        records=records,
        found={
            name: sum(record.source == name for record in records)
            for name in searched.found
        },
        unsearched=searched.unsearched,
        too_much=searched.too_much,
    )
    return _conclude(request_id, finds, bench=bench)


def _read_certain(
    request_id: RequestId, searched: Located, *, bench: Workbench
) -> tuple[SourceRecord, ...]:
    """Return what the search found for certain, before anything was decided.

    Raises:
        SealBrokenError: Another list is kept.
    """
    scope = scopes.working(request_id)
    kept = bench.custody.get(scope, scopes.LOCATED)
    records = records_from_bytes(kept)
    if bench.custody.commit(scope, kept) == searched.commitment:
        return records
    # An attempt that died may have taken in what was decided, after what was certain.
    certain = records[: sum(searched.found.values())]
    commitment = bench.custody.commit(scope, records_to_bytes(certain))
    if certain and commitment != searched.commitment:
        raise SealBrokenError(name=scopes.LOCATED)
    return certain


def _conclude(request_id: RequestId, finds: _Finds, *, bench: Workbench) -> Located:
    """Seal what was found; say so if it is nothing."""
    scope = scopes.working(request_id)
    bench.check_lease()
    lines = records_to_lines(finds.records)
    commitment = bench.custody.write(scope, scopes.LOCATED, lines)
    if not finds.records:
        outcome = Outcome.PARTIAL if finds.unsearched else Outcome.NOT_FOUND
        return Located(
            stage=Stage.NOT_FOUND,
            found=finds.found,
            unsearched=finds.unsearched,
            commitment=None,
            outcome=outcome,
            too_much=finds.too_much,
        )
    return Located(
        stage=Stage.LOCATED,
        found=finds.found,
        unsearched=finds.unsearched,
        too_much=finds.too_much,
        commitment=commitment,
    )


def _search(
    request_id: RequestId,
    subject: DataSubject,
    *,
    name: str,
    source: SourceConnector,
    bench: Workbench,
) -> SearchResult | None:
    """Search one source; return nothing if it is given up."""
    try:
        result = source.locate(subject)
    except SourceUnreadableError:
        bench.ledger.note(
            SEARCH_FAILED, {"source": name}, request_id=request_id, lease=bench.lease
        )
        if _failures(request_id, name, bench=bench) < bench.terms.source_attempts:
            raise
        return None
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
    return result


def _failures(request_id: RequestId, name: str, *, bench: Workbench) -> int:
    return sum(
        entry.event == SEARCH_FAILED and entry.payload.get("source") == name
        for entry in bench.ledger.entries(request_id)
    )
