"""Review: what officers say about records that may concern the subject.

A decision is taken under the request's own lease, so never while a worker is at work
on it. The last one lets the request go on with the next run that the watchdog asks for.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from unlearn_core import ports
from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.decisions import has_entered
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.reviews import (
    EXEMPTS,
    REASONING,
    RECORD_REVIEWED,
    RecordDecision,
    ReviewReason,
    ReviewRefusedError,
    Ruling,
    check_decision,
    read_rulings,
    reasonings,
    undecided,
)
from unlearn_core.domain.sources import SourceRecord, records_from_bytes
from unlearn_core.errors import IllegalTransitionError, SealBrokenError
from unlearn_core.privacy import Personal
from unlearn_core.steps import scopes

LEASE_TIME = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewDesk:
    """What reviewing needs.

    Attributes:
        holder: Name of this process.
        officers: Names of those who may decide.
    """

    holder: str
    officers: tuple[str, ...]
    requests: ports.RequestStore
    ledger: ports.Ledger
    leases: ports.LeaseStore
    custody: ports.Custody


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewList:
    """The uncertain records of a request.

    Attributes:
        commitment: Keyed commitment to the list, its name in the ledger.
        records: The records; the first one has the number 1.
        rulings: Number to the reason of what was decided.
    """

    commitment: str
    records: tuple[SourceRecord, ...]
    rulings: dict[int, ReviewReason]

    @property
    def undecided(self) -> tuple[int, ...]:
        """Return the numbers of the records that nobody has decided about."""
        return undecided(len(self.records), self.rulings)

    def versions_of(self, numbers: Collection[int]) -> tuple[int, ...]:
        """Return numbers with those of the same records: erasing goes by identifier."""
        same = {_identity(self.records[number - 1]) for number in numbers}
        return tuple(
            number
            for number, record in enumerate(self.records, start=1)
            if _identity(record) in same
        )


def open_review(request_id: RequestId, *, desk: ReviewDesk) -> ReviewList:
    """Return the review list of a request; that it was read is in the ledger.

    Raises:
        IllegalTransitionError: There is nothing to be decided now.
        SealBrokenError: Another list is kept than the ledger names.
    """
    stage = desk.requests.get(request_id).stage
    if stage is not Stage.UNDER_REVIEW:
        raise IllegalTransitionError(
            present=stage.value, following=Stage.REVIEWED.value
        )
    entries = tuple(desk.ledger.entries(request_id))
    commitment = next(
        str(entry.payload["review_list"])
        for entry in reversed(entries)
        if entry.event == Stage.UNDER_REVIEW
    )
    return ReviewList(
        commitment=commitment,
        records=read_listed(request_id, commitment, custody=desk.custody),
        rulings=read_rulings(entries),
    )


def read_reasoning(
    request_id: RequestId, *, desk: ReviewDesk
) -> dict[int, Personal[str]]:
    """Return why records of the latest list were found exempt, by their numbers.

    Raises:
        KeyDestroyedError: The reasoning has outlived its time.
        SealBrokenError: Another reasoning is kept than the ledger commits to.
    """
    scope = scopes.reasoning(request_id)
    found: dict[int, Personal[str]] = {}
    for number, commitment in reasonings(desk.ledger.entries(request_id)).items():
        name = scopes.reasoning_name(commitment)
        text = desk.custody.get(scope, name)
        if desk.custody.commit(scope, text) != commitment:
            raise SealBrokenError(name=name)
        found[number] = Personal(text.decode())
    return found


def read_listed(
    request_id: RequestId, commitment: str | None, *, custody: ports.Custody
) -> tuple[SourceRecord, ...]:
    """Return the records of the list that the ledger names.

    Decisions name records by their number, so they are worth nothing for another list,
    such as one that a worker left that had lost its lease.

    Raises:
        SealBrokenError: Another list is kept.
    """
    scope = scopes.working(request_id)
    listed = custody.get(scope, scopes.REVIEW_LIST)
    if custody.commit(scope, listed) != commitment:
        raise SealBrokenError(name=scopes.REVIEW_LIST)
    return records_from_bytes(listed)


def review_records(
    request_id: RequestId,
    *decisions: RecordDecision,
    desk: ReviewDesk,
    expected: str | None = None,
) -> ReviewList:
    """Decide about records of the list; the last one ends the review.

    Until then another decision about the same record takes the place of an earlier one.
    A decision is about every version of the record that is on the list. Decisions that
    come together hold together: none is recorded unless all of them can be.

    Args:
        request_id: The request.
        decisions: What is decided.
        desk: The parts.
        expected: Commitment to the list that was looked at; None for any.

    Returns:
        The list as it is afterwards.

    Raises:
        IllegalTransitionError: There is nothing to be decided now.
        LeaseBusyError: A worker is at work on the request.
        ReviewRefusedError: Not by this person, not this record or not for this reason.
        SealBrokenError: Another list is kept than the ledger names.
    """
    if not {decision.officer for decision in decisions} <= set(desk.officers):
        raise ReviewRefusedError(problem="not an officer of the configuration")
    _check_not_own(request_id, decisions, desk)
    lease = desk.leases.acquire(str(request_id), holder=desk.holder, ttl=LEASE_TIME)
    try:
        listed = open_review(request_id, desk=desk)
        if expected not in {None, listed.commitment}:
            raise ReviewRefusedError(problem="the list was replaced")
        for number, decision in _by_record(decisions, listed).items():
            said = _said(number, decision, listed)
            said |= _sealed(request_id, decision, desk)
            desk.ledger.note(RECORD_REVIEWED, said, request_id=request_id, lease=lease)
            listed.rulings[number] = decision.reason
        if not listed.undecided:
            desk.ledger.advance(
                request_id,
                Stage.REVIEWED,
                {"review_list": listed.commitment, "records": len(listed.records)},
                lease=lease,
            )
        return listed
    finally:
        desk.leases.release(lease)


def _check_not_own(
    request_id: RequestId, decisions: Sequence[RecordDecision], desk: ReviewDesk
) -> None:
    """Refuse that whoever has entered a request says what is erased for it."""
    entries = tuple(desk.ledger.entries(request_id))
    for decision in decisions:
        if decision.ruling is Ruling.ERASE and has_entered(
            entries, officer=decision.officer, who=decision.who
        ):
            raise ReviewRefusedError(problem="who entered a request erases nothing")


def _by_record(
    decisions: Sequence[RecordDecision], listed: ReviewList
) -> dict[int, RecordDecision]:
    """Return what is decided about each record, all its versions among them."""
    found: dict[int, RecordDecision] = {}
    for decision in decisions:
        check_decision(decision, size=len(listed.records))
        for number in listed.versions_of(decision.numbers):
            if found.setdefault(number, decision) is not decision:
                raise ReviewRefusedError(problem="two decisions about one record")
    return found


def _said(
    number: int, decision: RecordDecision, listed: ReviewList
) -> dict[str, JsonValue]:
    return {
        "review_list": listed.commitment,
        "record": number,
        "source": listed.records[number - 1].source,
        "ruling": decision.ruling.value,
        "reason": decision.reason.value,
        "officer": decision.officer,
    }


def _sealed(
    request_id: RequestId, decision: RecordDecision, desk: ReviewDesk
) -> dict[str, JsonValue]:
    """Seal why an exemption applies; return what the ledger says of it."""
    if decision.reason not in EXEMPTS or decision.reasoning is None:
        return {}
    scope = scopes.reasoning(request_id)
    text = decision.reasoning.reveal().encode()
    desk.custody.open_scope(scope)
    commitment = desk.custody.commit(scope, text)
    desk.custody.put(scope, scopes.reasoning_name(commitment), text)
    return {REASONING: commitment}


def _identity(record: SourceRecord) -> tuple[str, str]:
    return record.source, record.record_id
