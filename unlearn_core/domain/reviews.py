"""The review list: records that may concern the subject, and what people said of them.

- The list is sealed. The ledger names its records by their number and their source.
- Nothing is erased because of an uncertain hit unless a person has said so, record by
  record and with a reason. Until everything is decided, the request waits.
- Decisions belong to one list. A source that is searched again makes another.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from unlearn_core.domain.exemptions import EXEMPTIONS, Kept
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import Stage
from unlearn_core.domain.sources import SourceRecord
from unlearn_core.errors import PolicyError
from unlearn_core.privacy import Personal

RECORD_REVIEWED = "record_reviewed"
REASONING = "reasoning"
"""Fact of a decision: commitment to why an exemption applies."""


class ReviewRefusedError(PolicyError):
    """A record cannot be decided about, or not by this person or for this reason."""

    code = "review_refused"
    summary = "nothing can be decided about the record"
    next_step = (
        "Look at the list with `unlearn review list`; name an officer of the "
        "configuration, numbers of the list, and a reason that fits the ruling; a "
        "ground of Art. 17(3) GDPR needs `--reasoning`."
    )


class Ruling(StrEnum):
    """What becomes of a record."""

    ERASE = "erase"
    KEEP = "keep"


class ReviewReason(StrEnum):
    """Why.

    From `LEGAL_HOLD` on they are about the subject: such a record stays in its source,
    as one that is under a legal hold there, and the outcome is partial. The grounds of
    Art. 17(3) GDPR have the codes that `Kept` has. `EXEMPT` is in old entries, which
    name no ground; nobody can say it any more.
    """

    SAME_PERSON = "same_person"
    QUOTES_SUBJECT = "quotes_subject"
    NAMESAKE = "namesake"
    ORDINARY_WORD = "ordinary_word"
    COMMON_TEXT = "common_text"
    LEGAL_HOLD = "legal_hold"
    FREE_EXPRESSION = "free_expression"
    LEGAL_OBLIGATION = "legal_obligation"
    PUBLIC_HEALTH = "public_health"
    ARCHIVING = "archiving"
    LEGAL_CLAIMS = "legal_claims"
    EXEMPT = "exempt"


REASONS: Mapping[Ruling, frozenset[ReviewReason]] = {
    Ruling.ERASE: frozenset({ReviewReason.SAME_PERSON, ReviewReason.QUOTES_SUBJECT}),
    Ruling.KEEP: frozenset(ReviewReason)
    - {ReviewReason.SAME_PERSON, ReviewReason.QUOTES_SUBJECT, ReviewReason.EXEMPT},
}
EXEMPTS = frozenset(map(ReviewReason, EXEMPTIONS))
"""Reasons that are grounds of Art. 17(3) GDPR; each needs a reasoning."""
_HELD = EXEMPTS | {ReviewReason.LEGAL_HOLD, ReviewReason.EXEMPT}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDecision:
    """One person's word about some records of a list.

    Attributes:
        numbers: Numbers of the records, counted from 1.
        ruling: What becomes of them.
        reason: Why.
        officer: Who decided.
        who: Pseudonym of the key or sign-in they came with; empty if unknown.
        reasoning: Why an exemption applies, in the officer's words.
    """

    numbers: tuple[int, ...]
    ruling: Ruling
    reason: ReviewReason
    officer: str
    who: str = ""
    reasoning: Personal[str] | None = None


def check_decision(decision: RecordDecision, *, size: int) -> None:
    """Refuse a decision that means nothing.

    Args:
        decision: The decision.
        size: Number of records on the list.

    Raises:
        ReviewRefusedError: A number is not on the list, the reason is one for the
            other ruling, or an exemption comes without a ground or a reasoning.
    """
    wrong = [number for number in decision.numbers if not 1 <= number <= size]
    if wrong or not decision.numbers:
        raise ReviewRefusedError(problem="not on the list", records=size)
    if decision.reason is ReviewReason.EXEMPT:
        raise ReviewRefusedError(problem="name the ground of the exemption")
    if decision.reason not in REASONS[decision.ruling]:
        raise ReviewRefusedError(
            problem="a reason for the other ruling", reason=decision.reason
        )
    if decision.reason in EXEMPTS and decision.reasoning is None:
        raise ReviewRefusedError(problem="an exemption needs a reasoning")


def ruling_of(reason: ReviewReason) -> Ruling:
    """Return the one ruling that a reason is for."""
    return Ruling.ERASE if reason in REASONS[Ruling.ERASE] else Ruling.KEEP


def read_rulings(entries: Iterable[LedgerEntry]) -> dict[int, ReviewReason]:
    """Return what was said of the records of the latest list.

    The last word about each counts.

    Args:
        entries: The request's ledger entries, in order.
    """
    rulings: dict[int, ReviewReason] = {}
    for entry in entries:
        said = entry.payload
        if entry.event == Stage.UNDER_REVIEW:
            rulings = {}
        elif entry.event == RECORD_REVIEWED:
            rulings[int(str(said["record"]))] = ReviewReason(str(said["reason"]))
    return rulings


def reasonings(entries: Iterable[LedgerEntry]) -> dict[int, str]:
    """Return the commitments to why records of the latest list are exempt.

    Args:
        entries: The request's ledger entries, in order.
    """
    found: dict[int, str] = {}
    for entry in entries:
        if entry.event == Stage.UNDER_REVIEW:
            found = {}
        elif entry.event == RECORD_REVIEWED and not entry.is_erased:
            number = int(str(entry.payload["record"]))
            found.pop(number, None)
            if REASONING in entry.payload:
                found[number] = str(entry.payload[REASONING])
    return found


def undecided(size: int, rulings: Collection[int]) -> tuple[int, ...]:
    """Return the numbers of the records that nobody has decided about."""
    return tuple(number for number in range(1, size + 1) if number not in rulings)


def concerning_subject(
    listed: Sequence[SourceRecord], rulings: Mapping[int, ReviewReason]
) -> tuple[SourceRecord, ...]:
    """Return the records that are about the subject, those that must stay marked.

    Raises:
        ReviewRefusedError: Somebody still has to decide.
    """
    if undecided(len(listed), rulings):
        raise ReviewRefusedError(problem="not decided", records=len(listed))
    return tuple(
        replace(
            record,
            is_held=record.is_held or rulings[number] in _HELD,
            exemption=Kept(rulings[number]) if rulings[number] in EXEMPTS else None,
        )
        for number, record in enumerate(listed, start=1)
        if rulings[number] in REASONS[Ruling.ERASE] | _HELD
    )
