"""Messages, the orchestrator and identity checks in memory."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from unlearn_core.domain.codes import Proof
from unlearn_core.domain.dispatches import Dispatch, DispatchState, Route
from unlearn_core.domain.requests import ErasureRequest, RequestId
from unlearn_core.domain.subjects import DataSubject, IdentifierKind
from unlearn_core.errors import OrchestratorUnavailableError
from unlearn_core.ports import Clock, IdentityDecision
from unlearn_core.privacy import Personal


class MemoryNotifier:
    """`Notifier` and `Outbox` in memory.

    Args:
        clock: The clock; needed where there are routes.
        routes: Ways on which messages go beside the status page.
    """

    def __init__(
        self, *, clock: Clock | None = None, routes: Sequence[Route] = ()
    ) -> None:
        self._clock = clock
        self._routes = tuple(routes)
        self._posted: dict[RequestId, list[str]] = {}
        self._dispatches: dict[tuple[RequestId, str, str], Dispatch] = {}

    def notify(
        self, request: ErasureRequest, *, template: str, contact: Personal[str] | None
    ) -> bool:
        """Post a message and send it on its way; once is enough."""
        posted = self._posted.setdefault(request.request_id, [])
        if template not in posted:
            posted.append(template)
            for route in self._routes:
                has_address = contact is not None or not route.needs_address
                if has_address and route.serves(request, template):
                    self._put(request.request_id, template, route)
        personal = {route.channel for route in self._routes if route.needs_address}
        return any(
            dispatch.channel in personal and dispatch.state is DispatchState.WAITING
            for dispatch in self.dispatches(request.request_id)
        )

    def posted(self, request_id: RequestId) -> tuple[str, ...]:
        """Return the templates of the messages posted so far, oldest first."""
        return tuple(self._posted.get(request_id, ()))

    def queue(self, dispatches: Sequence[Dispatch]) -> None:
        """Put messages in; one that is in stays as it is."""
        for item in dispatches:
            self._dispatches.setdefault(
                (item.request_id, item.template, item.channel), item
            )

    def dispatches(self, request_id: RequestId | None = None) -> tuple[Dispatch, ...]:
        """Return all dispatches, or those of a request, oldest first."""
        return tuple(
            dispatch
            for dispatch in self._dispatches.values()
            if request_id in (None, dispatch.request_id)
        )

    def due(self, now: datetime) -> tuple[Dispatch, ...]:
        """Return the dispatches that wait and whose next try is due, oldest first."""
        return tuple(
            dispatch
            for dispatch in self._dispatches.values()
            if dispatch.state is DispatchState.WAITING and dispatch.due_at <= now
        )

    def settle(self, dispatch: Dispatch) -> None:
        """Keep how a try ended."""
        key = (dispatch.request_id, dispatch.template, dispatch.channel)
        self._dispatches[key] = dispatch

    def _put(self, request_id: RequestId, template: str, route: Route) -> None:
        assert self._clock is not None  # noqa: S101 - a mistake in a test
        now = self._clock.now()
        self.settle(
            Dispatch(
                request_id=request_id,
                template=template,
                channel=route.channel,
                queued_at=now,
                due_at=now,
            )
        )


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

    Args:
        proof: Where the proof comes from.
    """

    NAME = "memory_pass"

    def __init__(self, proof: Proof = Proof.WITH_REQUEST) -> None:
        self.proof = proof
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
