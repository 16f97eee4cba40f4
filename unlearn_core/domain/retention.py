"""How long what of a closed request is kept: one table, kind by kind, end by end.

The clock starts with the answer to the data subject (`Stage.NOTIFIED`). Every kind has
a time in every outcome, failures included; `table` is the whole truth about it, and
whoever adds a kind or an outcome has to say how long.

- What is personal in itself goes at the end of the work; the days here are a backstop
  for whatever an interrupted run has left.
- Keyed commitments to the identifiers of somebody whose data was erased are kept as
  long as an older copy could bring the data back: a backup, or a base that is served.
- The ledger outlives the request. In the end its payloads and salts are destroyed;
  hash, order and commitment of every entry stay, so the log still verifies.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.ledger import (
    LEDGER_CONTENT,
    RETENTION_ANNOUNCED,
    RETENTION_APPLIED,
    LedgerEntry,
)
from unlearn_core.domain.requests import Outcome, RequestId, Stage
from unlearn_core.errors import PolicyError


class Kind(StrEnum):
    """A kind of data, in the order in which it is deleted."""

    IDENTITY_EVIDENCE = "identity_evidence"
    WORKING_DATA = "working_data"
    CONTACT_ADDRESS = "contact_address"
    NOTICES = "notices"
    RESTRICTION = "restriction"
    EVALUATION_SET = "evaluation_set"
    FINGERPRINTS = "fingerprints"
    REASONING = "reasoning"
    MESSAGES = "messages"
    COMMITMENTS = "commitments"
    REQUEST = "request"
    DOCUMENTS = "documents"
    LEDGER_CONTENT = LEDGER_CONTENT


WHAT: Mapping[Kind, str] = {
    Kind.IDENTITY_EVIDENCE: "evidence of identity, sealed",
    Kind.WORKING_DATA: "identifiers, found records, sets and checkpoints, sealed",
    Kind.CONTACT_ADDRESS: "where the subject wants to be answered, sealed",
    Kind.NOTICES: "notices to recipients that wait to be sent, sealed",
    Kind.RESTRICTION: "identifiers of a restricted subject, sealed",
    Kind.EVALUATION_SET: "questions for re-verification, sealed",
    Kind.FINGERPRINTS: "keyed fingerprints of the subject's values, sealed",
    Kind.REASONING: "officers' reasonings for exemptions, sealed",
    Kind.MESSAGES: "which messages were posted and how they were delivered",
    Kind.COMMITMENTS: "keyed commitments to identifiers: the suppression list",
    Kind.REQUEST: "the row of the request: channel, dates, stage, outcome",
    Kind.DOCUMENTS: "certificate and reports",
    Kind.LEDGER_CONTENT: "payloads and salts of the request's ledger entries",
}
"""What each kind is, for people."""

ERASED = frozenset(
    {Outcome.SUPPRESSED_AT_OUTPUT, Outcome.ERASED_AT_SOURCE, Outcome.PARTIAL}
)
"""Ends after which somebody has to stay deleted."""

SERVED = frozenset({Outcome.SUPPRESSED_AT_OUTPUT, Outcome.PARTIAL})
"""Ends whose offset is needed as long as the base model is served."""

PROMOTED = SERVED | {Outcome.FAILED}
"""Ends before which a version may have been promoted.

Which one it was is needed as long as the base model is served: no version may fall
behind it.
"""


class RetentionFailedError(PolicyError):
    """Something was still there after it had been deleted."""

    code = "retention_failed"
    summary = "data that has outlived its time could not be deleted"
    next_step = "Look at the ledger entry, repair the store, run retention again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The controller's times, in days from the answer.

    Attributes:
        contact_days: For an address that a message still waited for, and for notices
            to recipients.
        material_days: Longest for what re-verification asks with, whatever its policy
            says.
        record_days: For the record of a request: its row, messages and commitments.
        suppression_days: For commitments to somebody whose data was erased, counted
            from the answer, or until the base model is no longer served.
        evidence_days: For certificate, reports and content of the ledger, and longer
            if anything else is kept longer: the ledger says what is there.
    """

    contact_days: int
    material_days: int
    record_days: int
    suppression_days: int
    evidence_days: int

    @property
    def longest_days(self) -> int:
        """Return for how long there can be anything to keep a ledger of."""
        return max(
            self.contact_days,
            self.material_days,
            self.record_days,
            self.suppression_days,
            self.evidence_days,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """How long one kind is kept after one end.

    Attributes:
        days: Days from the answer.
        while_served: Not before the base model has been retired either.
        reason: Why it is kept so long.
    """

    days: int
    reason: str
    while_served: bool = False

    def is_over(self, end: "End", *, now: datetime) -> bool:
        """Tell whether what is left of a request must go."""
        if self.while_served and not end.is_retired:
            return False
        return now >= end.ended_at + timedelta(days=self.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The end of one request.

    Attributes:
        request_id: The request.
        outcome: What it came to.
        ended_at: When the subject was answered.
        is_retired: Whether its base model is served no more.
    """

    request_id: RequestId
    outcome: Outcome
    ended_at: datetime
    is_retired: bool = False


Table = Mapping[tuple[Kind, Outcome], Period]

AT_ONCE = "GDPR Art. 5(1)(e): its purpose ended with the answer"
TOLD = "GDPR Art. 19: recipients have to be told"
DELIVERY = "GDPR Art. 12(3): the answer has to reach the subject"
RESTRICTION = "GDPR Art. 18(1), (3): until it is lifted, but no longer than the record"
RENEWAL = "GDPR Art. 5(2), 32(1)(d): the effect is tested again"
RECORD = "GDPR Art. 5(2), 11 CCR 7101: records of requests, 24 months at least"
SUPPRESSION = "GDPR Art. 17(1), 11 CCR 7022: whoever was erased stays erased"
PROOF = "GDPR Art. 5(2), 17(3)(e): proof and defence of claims"


def table(terms: Terms) -> Table:
    """Return the time of every kind in every outcome.

    A row is never deleted before what belongs to it, and content of the ledger never
    before the row that is compared with it.
    """
    return {(kind, end): _period(kind, end, terms) for kind in Kind for end in Outcome}


def _period(kind: Kind, outcome: Outcome, terms: Terms) -> Period:
    is_served = outcome in SERVED
    match kind:
        case Kind.IDENTITY_EVIDENCE | Kind.WORKING_DATA:
            return Period(days=0, reason=AT_ONCE)
        case Kind.CONTACT_ADDRESS | Kind.NOTICES:
            reason = DELIVERY if kind is Kind.CONTACT_ADDRESS else TOLD
            return Period(days=terms.contact_days, reason=reason)
        case Kind.EVALUATION_SET | Kind.FINGERPRINTS:
            days = terms.material_days if is_served else 0
            return Period(days=days, reason=RENEWAL if is_served else AT_ONCE)
        case Kind.RESTRICTION | Kind.MESSAGES:
            reason = RECORD if kind is Kind.MESSAGES else RESTRICTION
            return Period(days=terms.record_days, reason=reason)
        case Kind.COMMITMENTS | Kind.REQUEST:
            return _record(outcome, terms)
        case Kind.REASONING | Kind.DOCUMENTS | Kind.LEDGER_CONTENT:
            return Period(
                days=terms.longest_days,
                reason=PROOF,
                while_served=outcome in PROMOTED,
            )


def _record(outcome: Outcome, terms: Terms) -> Period:
    """Return how long it can be recognised who a request was about."""
    # Records may have been erased before a request failed.
    if outcome in ERASED or outcome is Outcome.FAILED:
        return Period(
            days=max(terms.suppression_days, terms.record_days),
            reason=SUPPRESSION,
            while_served=outcome in PROMOTED,
        )
    return Period(days=terms.record_days, reason=RECORD)


def ends(
    entries: Iterable[LedgerEntry], *, retired: Mapping[RequestId, bool]
) -> tuple[End, ...]:
    """Read from the ledger which requests have ended, oldest first.

    Args:
        entries: The entries of all answers.
        retired: Whether the base model of a request is retired; a request that has no
            row any more outlived its base model, or did not need it.
    """
    return tuple(
        End(
            request_id=entry.request_id,
            outcome=Outcome(str(entry.payload.get("outcome", Outcome.FAILED))),
            ended_at=entry.recorded_at,
            is_retired=retired.get(entry.request_id, True),
        )
        for entry in entries
        if entry.event == Stage.NOTIFIED
        and entry.request_id is not None
        and not entry.is_erased
    )


def due(end: End, periods: Table, *, now: datetime) -> tuple[Kind, ...]:
    """Return the kinds of a request that have outlived their time, in order."""
    return tuple(
        kind for kind in Kind if periods[kind, end.outcome].is_over(end, now=now)
    )


def unfinished(
    entries: Iterable[LedgerEntry],
) -> dict[RequestId, Mapping[str, JsonValue]]:
    """Return what was announced to be deleted and not confirmed, by request."""
    open_: dict[RequestId, Mapping[str, JsonValue]] = {}
    for entry in entries:
        if entry.request_id is None:
            continue
        if entry.event == RETENTION_ANNOUNCED:
            open_[entry.request_id] = entry.payload
        elif entry.event == RETENTION_APPLIED:
            open_.pop(entry.request_id, None)
    return open_


def gone(entries: Iterable[LedgerEntry]) -> frozenset[RequestId]:
    """Return the requests whose rows were to be deleted, their time being over."""
    return frozenset(
        entry.request_id
        for entry in entries
        if entry.event == RETENTION_ANNOUNCED
        and entry.request_id is not None
        and Kind.REQUEST in kinds_of(entry)
    )


def kinds_of(entry: LedgerEntry) -> Mapping[str, JsonValue]:
    """Return which kinds an entry of retention names, with how many of each."""
    kinds = entry.payload.get("kinds")
    return kinds if isinstance(kinds, dict) else {}
