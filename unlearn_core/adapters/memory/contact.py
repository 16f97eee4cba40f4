"""Messages, the orchestrator and identity checks in memory."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from unlearn_core.domain.requests import ErasureRequest, RequestId
from unlearn_core.domain.subjects import DataSubject, IdentifierKind
from unlearn_core.errors import OrchestratorUnavailableError
from unlearn_core.ports import IdentityDecision
from unlearn_core.privacy import Personal


class MemoryNotifier:
    """`Notifier` that keeps what was sent."""

    def __init__(self) -> None:
        self._posted: dict[RequestId, list[str]] = {}

    def notify(
        self, request: ErasureRequest, *, template: str, contact: Personal[str] | None
    ) -> None:
        """Post a message; posting it again changes nothing. The address is unused."""
        del contact
        posted = self._posted.setdefault(request.request_id, [])
        if template not in posted:
            posted.append(template)

    def posted(self, request_id: RequestId) -> tuple[str, ...]:
        """Return the templates of the messages posted so far, oldest first."""
        return tuple(self._posted.get(request_id, ()))


class MemoryTrigger:
    """`WorkflowTrigger` that keeps what was asked for.

    Attributes:
        runs: Request and attempt of every run, in order; a crashed one included.
        is_reachable: Whether the orchestrator answers.
    """

    def __init__(self) -> None:
        self.runs: list[tuple[RequestId, int]] = []
        self.is_reachable = True
        self._under_way: set[tuple[RequestId, int]] = set()

    def start(self, request_id: RequestId, *, attempt: int) -> None:
        """Ask for a run, unless one of the same attempt can still go on."""
        if not self.is_reachable:
            raise OrchestratorUnavailableError(request_id=request_id)
        if (request_id, attempt) not in self._under_way:
            self._under_way.add((request_id, attempt))
            self.runs.append((request_id, attempt))

    def crash(self, request_id: RequestId, *, attempt: int) -> None:
        """Let a run end without any work, as if its worker had died."""
        self._under_way.discard((request_id, attempt))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pass:
    identifiers: frozenset[tuple[IdentifierKind, Personal[str]]]
    expires_at: datetime


class MemoryIdentityPolicy:
    """`IdentityPolicy` that believes the passes it has issued itself.

    A pass vouches for exactly the identifiers that it was issued for, until it
    expires.
    """

    NAME = "memory_pass"

    def __init__(self) -> None:
        self._passes: dict[Personal[str], _Pass] = {}

    def issue(self, subject: DataSubject, *, expires_at: datetime) -> Personal[str]:
        """Issue a pass for a subject."""
        secret = Personal(secrets.token_hex(16))
        self._passes[secret] = _Pass(
            identifiers=_identifiers(subject), expires_at=expires_at
        )
        return secret

    def decide(
        self, subject: DataSubject, evidence: Personal[str] | None, *, now: datetime
    ) -> IdentityDecision:
        """Judge a pass."""
        if evidence is None:
            return self._refused("no_evidence")
        issued = self._passes.get(evidence)
        if issued is None:
            return self._refused("bad_signature")
        if now >= issued.expires_at:
            return self._refused("expired")
        if issued.identifiers != _identifiers(subject):
            return self._refused("other_person")
        return IdentityDecision(is_verified=True, method=self.NAME, reason="")

    def _refused(self, reason: str) -> IdentityDecision:
        return IdentityDecision(is_verified=False, method=self.NAME, reason=reason)


def _identifiers(
    subject: DataSubject,
) -> frozenset[tuple[IdentifierKind, Personal[str]]]:
    return frozenset((item.kind, item.canonical) for item in subject.identifiers)
