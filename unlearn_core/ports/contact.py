"""The data subject, and the orchestrator that works for them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from unlearn_core.domain.requests import ErasureRequest, RequestId
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.privacy import Personal


class Notifier(Protocol):
    """Tells the data subject."""

    def notify(
        self, request: ErasureRequest, *, template: str, contact: Personal[str] | None
    ) -> None:
        """Deliver a message made from a template; sending twice is harmless."""
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

    def decide(
        self, subject: DataSubject, evidence: Personal[str] | None, *, now: datetime
    ) -> IdentityDecision:
        """Judge the evidence."""
        ...
