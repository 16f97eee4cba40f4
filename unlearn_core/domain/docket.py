"""The legal clock as the ledger tells it: extensions, pauses, alarms.

The clock that was set at receipt never changes. What happened to it since is in the
ledger, so the date that counts is a function of both.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from unlearn_core.domain.codes import PROOF_ASKED
from unlearn_core.domain.deadlines import (
    CLOCKS,
    Deadline,
    ExtensionReason,
    IsHoliday,
    Pause,
    Rule,
    paused_days,
)
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import Stage

DEADLINE_EXTENDED = "deadline_extended"
EXTENSION_DRAFTED = "extension_drafted"
ASKS_THE_SUBJECT = frozenset({"clarification", "identity_doubt"})
"""Reasons of a hold that stop the UK clock."""

NEAR_DAYS = 10
PRESSING_DAYS = 3


class Alarm(StrEnum):
    """How late it is; also the event in the ledger."""

    NEAR = "deadline_near"
    PRESSING = "deadline_pressing"
    MISSED = "deadline_missed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Docket:
    """What counts today.

    Attributes:
        deadline: The clock with its pauses.
        is_extended: Whether the subject was told that it takes longer.
        sounded: Alarms so far, each with the date it was about.
        drafted: Reason of the extension that officers are asked to confirm, if the
            ledger has such a draft about the date that counts.
    """

    deadline: Deadline
    is_extended: bool
    sounded: frozenset[tuple[str, str]]
    drafted: ExtensionReason | None = None

    @property
    def due_on(self) -> date:
        """Return the last day for the answer."""
        if self.is_extended:
            return self.deadline.extended_due_on
        return self.deadline.due_on

    def alarm(self, today: date) -> Alarm | None:
        """Return the alarm that is due and has not been sounded about this date."""
        days_left = (self.due_on - today).days
        if days_left < 0:
            alarm = Alarm.MISSED
        elif days_left <= PRESSING_DAYS:
            alarm = Alarm.PRESSING
        elif days_left <= NEAR_DAYS:
            alarm = Alarm.NEAR
        else:
            return None
        is_new = (alarm.value, self.due_on.isoformat()) not in self.sounded
        return alarm if is_new else None


def read_docket(
    deadline: Deadline,
    entries: Iterable[LedgerEntry],
    *,
    today: date,
    is_holiday: IsHoliday,
) -> Docket:
    """Apply what the ledger says to the clock that was set at receipt.

    Args:
        deadline: The clock that was set.
        entries: The request's ledger entries, in order.
        today: Local day in the controller's time zone.
        is_holiday: Public holidays of the controller's country.
    """
    pauses: list[Pause] = []
    sounded: set[tuple[str, str]] = set()
    drafts: dict[str, ExtensionReason] = {}
    is_extended = False
    for entry in entries:
        said = entry.payload
        if entry.event == DEADLINE_EXTENDED:
            is_extended = True
        elif entry.is_erased:
            continue  # that it was there is all that is left of it
        elif entry.event in set(Alarm):
            sounded.add((entry.event, str(said["due_on"])))
        elif entry.event == EXTENSION_DRAFTED:
            drafts[str(said["due_on"])] = ExtensionReason(str(said["reason"]))
        elif entry.event == PROOF_ASKED or (
            entry.event == Stage.ON_HOLD and said["reason"] in ASKS_THE_SUBJECT
        ):
            pauses.append(Pause(asked_on=date.fromisoformat(str(said["on"]))))
        elif entry.event in _ENDS_A_HOLD and pauses and not pauses[-1].answered_on:
            answered_on = date.fromisoformat(str(said["on"]))
            pauses[-1] = replace(pauses[-1], answered_on=answered_on)
    # Only the UK rule knows pauses; elsewhere the stored dates stand, so that a
    # calendar that was corrected later does not move them.
    if deadline.rule == Rule.UK and pauses:
        deadline = CLOCKS[Rule.UK](
            deadline.received_on,
            is_holiday=is_holiday,
            paused_days=paused_days(pauses, today=today),
        )
    docket = Docket(
        deadline=deadline, is_extended=is_extended, sounded=frozenset(sounded)
    )
    return replace(docket, drafted=drafts.get(docket.due_on.isoformat()))


_ENDS_A_HOLD = frozenset(
    {Stage.RELEASED, Stage.DECLINED, Stage.WITHDRAWN, Stage.PROOF_GIVEN}
)
