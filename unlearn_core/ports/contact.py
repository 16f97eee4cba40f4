"""The data subject, and the orchestrator that works for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from unlearn_core.domain.codes import Proof
from unlearn_core.domain.dispatches import Dispatch, Route
from unlearn_core.domain.recipients import Notice, Recipient
from unlearn_core.domain.requests import ErasureRequest, RequestId
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.privacy import Personal


class Notifier(Protocol):
    """Tells the data subject."""

    def notify(
        self, request: ErasureRequest, *, template: str, contact: Personal[str] | None
    ) -> bool:
        """Post a message made from a template; posting twice is harmless.

        Returns:
            Whether the address is still needed: a message waits to be sent to it.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a carrier carries: facts, from which it makes its own text.

    Attributes:
        request: The request that it is about.
        template: Which message it is.
        at: When it was posted, in UTC.
        reference: The same for every try, so that a receiver can tell repetitions.
        code: The one-time code that it brings, if it brings one.
        senders_reference: The sender's own name of the request, if it is told again.
        cancel_until: Until when, at least, the subject can cancel the request, if it
            says so.
        notice: What a recipient is told, if it is for one.
        language: Code of the language in which the subject asked, if it is known and
            the message goes to them.
    """

    request: ErasureRequest
    template: str
    at: datetime
    reference: str
    code: Personal[str] | None = None
    senders_reference: Personal[str] | None = None
    cancel_until: datetime | None = None
    notice: Notice | None = None
    language: Personal[str] | None = None


class Carrier(Protocol):
    """Brings messages to somebody."""

    @property
    def route(self) -> Route:
        """Return which way it goes."""
        ...

    def carry(self, message: Message, *, to: Personal[str] | None) -> None:
        """Bring a message; bringing it twice is harmless.

        Raises:
            MessageRefusedError: It will never be taken; ``reason`` is a code.
            CarrierUnavailableError: It may be taken later; ``reason`` is a code.
        """
        ...


class Outbox(Protocol):
    """Messages on their way; the notifier puts those to the subject in."""

    def queue(self, dispatches: Sequence[Dispatch]) -> None:
        """Put messages in, all or none; one that is in stays as it is."""
        ...

    def dispatches(self, request_id: RequestId | None = None) -> Sequence[Dispatch]:
        """Return all dispatches, or those of a request, oldest first."""
        ...

    def due(self, now: datetime) -> Sequence[Dispatch]:
        """Return the dispatches that wait and whose next try is due, oldest first."""
        ...

    def settle(self, dispatch: Dispatch) -> None:
        """Keep how a try ended."""
        ...


class RecipientRegister(Protocol):
    """The controller's register of who has received personal data."""

    @property
    def recipients(self) -> Sequence[Recipient]:
        """Return all of them."""
        ...

    def seal(self, name: str, data: bytes) -> str:
        """Seal data so that one recipient can open it, and nobody else.

        Raises:
            LookupError: There is no such recipient, or no key of theirs.
        """
        ...


class WorkflowTrigger(Protocol):
    """Starts the flow for a request."""

    def start(self, request_id: RequestId, *, attempt: int) -> None:
        """Ask for a run; one attempt has no second run while the first can go on.

        Raises:
            OrchestratorUnavailableError: The orchestrator does not answer, or all its
                runs of this attempt have ended without any work.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityDecision:
    """What an identity policy decided.

    Attributes:
        is_verified: Whether the requester is believed to be the subject.
        method: Name of the policy.
        reason: Code of the reason for a refusal, empty otherwise.
    """

    is_verified: bool
    method: str
    reason: str


class IdentityPolicy(Protocol):
    """Decides whether the requester is the data subject."""

    @property
    def proof(self) -> Proof:
        """Return where the proof comes from; what comes later is waited for."""
        ...

    def decide(
        self, subject: DataSubject, evidence: Personal[str] | None, *, now: datetime
    ) -> IdentityDecision:
        """Judge the evidence."""
        ...
