"""Messages on their way: which wait, when the next try is due, how they ended.

A message is posted on the status page at once; a dispatch is the same message on its
way over another channel. It holds no address and no text, only which message it is.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from unlearn_core.domain.codes import TEMPLATE
from unlearn_core.domain.requests import (
    ANSWERED_TO_SENDER,
    Channel,
    ErasureRequest,
    RequestId,
)
from unlearn_core.errors import DependencyError

GIVE_UP_AFTER = timedelta(days=3)
LONGEST_PAUSE = timedelta(hours=6)
FIRST_PAUSE = timedelta(minutes=1)


class MessageRefusedError(DependencyError):
    """A message was refused for good; ``reason`` is a code."""

    code = "message_refused"
    summary = "a message was refused for good"
    next_step = "The subject finds it on the status page; see `unlearn mail list`."


class CarrierUnavailableError(DependencyError):
    """A message could not be sent now; ``reason`` is a code."""

    code = "carrier_unavailable"
    summary = "a message could not be sent now"
    next_step = "It is tried again by itself; see that the server answers."


class DispatchState(StrEnum):
    """Where a message is."""

    WAITING = "waiting"
    SENT = "sent"
    BOUNCED = "bounced"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A way on which messages go.

    Attributes:
        channel: Its name.
        needs_address: Whether it leads to the address that a request came with.
        senders: Channels whose senders it leads to; none if it leads to subjects, or
            to systems of the controller.
    """

    channel: str
    needs_address: bool
    senders: frozenset[Channel] = frozenset()

    def serves(self, request: ErasureRequest, template: str) -> bool:
        """Tell whether a message about a request goes this way.

        A code goes to the subject alone. Every other message goes to whoever sent the
        request, where somebody sent it for the subject.
        """
        is_code = template.startswith(TEMPLATE)
        if self.senders:
            return request.channel in self.senders and not is_code
        is_the_subjects = request.channel not in ANSWERED_TO_SENDER
        return is_code or is_the_subjects or not self.needs_address


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """One message on its way.

    Attributes:
        request_id: The request that it is about.
        template: Which message it is.
        channel: How it travels.
        queued_at: When it was posted, in UTC.
        due_at: When to try next, in UTC.
        state: Where it is.
        attempts: Tries so far.
        reason: Code of why the last try failed; empty if none did.
    """

    request_id: RequestId
    template: str
    channel: str
    queued_at: datetime
    due_at: datetime
    state: DispatchState = DispatchState.WAITING
    attempts: int = 0
    reason: str = ""

    def sent(self) -> "Dispatch":
        """Return it as delivered to the next server on its way."""
        return self._ended(DispatchState.SENT, "")

    def bounced(self, reason: str) -> "Dispatch":
        """Return it as refused for good."""
        return self._ended(DispatchState.BOUNCED, reason)

    def abandoned(self, reason: str) -> "Dispatch":
        """Return it as given up."""
        return self._ended(DispatchState.ABANDONED, reason)

    def delayed(self, reason: str, *, now: datetime) -> "Dispatch":
        """Return it as due again after twice the last pause, or as given up."""
        if now - self.queued_at >= GIVE_UP_AFTER:
            return self.abandoned(reason)
        pause = min(FIRST_PAUSE * 2 ** min(self.attempts, 16), LONGEST_PAUSE)
        return replace(
            self, attempts=self.attempts + 1, due_at=now + pause, reason=reason
        )

    def _ended(self, state: DispatchState, reason: str) -> "Dispatch":
        return replace(self, state=state, attempts=self.attempts + 1, reason=reason)
