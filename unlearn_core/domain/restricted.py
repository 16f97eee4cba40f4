"""Requests whose subject's data is restricted (Art. 18 GDPR), as the ledger tells.

A restriction is no stage: the request goes on beneath it. It begins with an officer's
word, or with the proof of identity where the settings say so; it is in force when every
replica says that it answers under a list with it; it ends by itself when the erasure is
effective, or by the decision of two officers.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import Outcome, RequestId, Stage

RESTRICTED = "restricted"
RESTRICTION_IN_FORCE = "restriction_in_force"
LIFT_PROPOSED = "restriction_lift_proposed"
RESTRICTION_LIFTED = "restriction_lifted"
LIST_PUBLISHED = "restrictions_published"

EVENTS = (RESTRICTED, RESTRICTION_IN_FORCE, LIFT_PROPOSED, RESTRICTION_LIFTED)


class RestrictionReason(StrEnum):
    """Why nothing may be said for now: Art. 18(1)(a) to (d), or an open request."""

    ACCURACY = "accuracy_contested"
    UNLAWFUL = "unlawful_processing"
    SUBJECT_CLAIMS = "claims_of_subject"
    OBJECTION = "objection"
    PENDING = "erasure_pending"


class LiftReason(StrEnum):
    """Why a restriction ended; an officer can give the first two."""

    GROUND_ENDED = "ground_ended"
    SUBJECT_ASKS = "subject_asks"
    EFFECTIVE = "erasure_effective"
    OUTLIVED = "outlived"


DECIDED = (LiftReason.GROUND_ENDED, LiftReason.SUBJECT_ASKS)
"""Reasons that officers give; the subject is told before such a lift."""


def is_effective(entries: Iterable[LedgerEntry]) -> bool:
    """Tell whether an erasure is effective, so that nothing is left to withhold.

    Every replica confirmed it, or the model was trained on nothing that was found, and
    every source was searched and erased.
    """
    return any(
        entry.event == Stage.SERVING_CONFIRMED
        or (
            entry.event == Stage.BASE_SPARED
            and entry.payload.get("outcome") == Outcome.ERASED_AT_SOURCE
        )
        for entry in entries
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftProposal:
    """What one officer has proposed.

    Attributes:
        reason: Why the restriction shall end.
        officer: Their name.
        who: Pseudonym of the key or sign-in they came with; empty if unknown.
    """

    reason: str
    officer: str
    who: str = ""

    def is_by(self, officer: str, who: str) -> bool:
        """Tell whether the same person would decide."""
        return officer == self.officer or (who != "" and who == self.who)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """A restriction that has not ended.

    Attributes:
        request_id: The request.
        sequence: Place of its entry in the ledger; a list of this version or a later
            one has it.
        since: When it was ordered.
        in_force_at: When every replica had said that it answers under it; None if
            one has not.
        proposal: What one officer has proposed to end it; None if nobody has.
    """

    request_id: RequestId
    sequence: int
    since: datetime
    in_force_at: datetime | None = None
    proposal: LiftProposal | None = None


def read_restrictions(
    entries: Iterable[LedgerEntry],
) -> dict[RequestId, Restriction]:
    """Return the restrictions that have not ended.

    Args:
        entries: Entries of the four events, of one request or of all, in any order.
    """
    found: dict[RequestId, Restriction] = {}
    for entry in sorted(entries, key=lambda entry: entry.sequence):
        key = entry.request_id
        if key is None:
            continue
        if entry.event == RESTRICTED and key not in found:
            found[key] = Restriction(
                request_id=key, sequence=entry.sequence, since=entry.recorded_at
            )
        elif entry.event == RESTRICTION_LIFTED:
            found.pop(key, None)
        elif entry.event == RESTRICTION_IN_FORCE and key in found:
            found[key] = replace(found[key], in_force_at=entry.recorded_at)
        elif entry.event == LIFT_PROPOSED and key in found:
            found[key] = replace(found[key], proposal=_proposal(entry))
    return found


def restriction_state(entries: Iterable[LedgerEntry]) -> str:
    """Return the event that says where one request's restriction stands; or nothing."""
    told = [entry for entry in entries if entry.event in EVENTS]
    if not told:
        return ""
    for found in read_restrictions(told).values():
        return RESTRICTION_IN_FORCE if found.in_force_at else RESTRICTED
    return RESTRICTION_LIFTED


def _proposal(entry: LedgerEntry) -> LiftProposal | None:
    said = entry.payload
    if entry.is_erased:
        return None
    return LiftProposal(
        reason=str(said["reason"]),
        officer=str(said["officer"]),
        who=str(said.get("who", "")),
    )
