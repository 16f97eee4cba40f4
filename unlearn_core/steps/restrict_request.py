"""Restrict: let replicas say nothing about a subject at once, and lift that again.

Nothing here needs the lease of the request: a restriction must be possible while a
worker trains for hours. The ledger says who decided; `publish_restrictions` tells the
replicas. What they need to recognise the person is kept apart from the working data,
because a restriction may outlast the request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from unlearn_core import ports
from unlearn_core.domain.canonical import JsonValue, canonical_json
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.restricted import (
    DECIDED,
    EVENTS,
    LIFT_PROPOSED,
    RESTRICTED,
    RESTRICTION_LIFTED,
    LiftReason,
    Restriction,
    RestrictionReason,
    is_effective,
    read_restrictions,
)
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import KeyDestroyedError, PolicyError
from unlearn_core.steps import scopes
from unlearn_core.steps.subject import read_contact, read_subject

AT_ONCE = "at once"
"""Who restricts where the settings say that every request is restricted."""

TEMPLATE = "restriction_lifted"


class RestrictionRefusedError(PolicyError):
    """A restriction is not possible now, or not this officer's to decide."""

    code = "restriction_refused"
    summary = "the restriction was not changed"
    next_step = (
        "Look at the request with `unlearn request status` and `unlearn ledger show`."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictionDesk:
    """What restricting needs.

    Attributes:
        officers: Names of those who may decide.
    """

    officers: tuple[str, ...]
    requests: ports.RequestStore
    ledger: ports.Ledger
    custody: ports.Custody
    notifier: ports.Notifier


class EndsRestrictions(Protocol):
    """Whoever may record the end of a restriction."""

    @property
    def ledger(self) -> ports.Ledger:
        """Return the ledger."""
        ...

    @property
    def custody(self) -> ports.Custody:
        """Return what holds personal data."""
        ...


def restrictions(
    ledger: ports.Ledger, request_id: RequestId | None = None
) -> dict[RequestId, Restriction]:
    """Return the restrictions that have not ended, of one request or of all."""
    return read_restrictions(
        entry for event in EVENTS for entry in ledger.entries(request_id, event=event)
    )


def restrict_request(
    request_id: RequestId,
    reason: RestrictionReason,
    *,
    officer: str,
    who: str = "",
    desk: RestrictionDesk,
) -> None:
    """Order that nothing is said about the subject of a request.

    Args:
        request_id: The request.
        reason: Why.
        officer: Who decides; one is enough, because it can be undone.
        who: Pseudonym of the key or sign-in they came with; empty if unknown.
        desk: What restricting needs.

    Raises:
        RestrictionRefusedError: It is not known who the subject is, or not any more,
            or they are restricted already, or the erasure is effective; or there is no
            such officer.
        UnknownRequestError: There is no such request.
    """
    _check_officer(officer, desk)
    _restrict(
        request_id,
        {"reason": reason.value, "officer": officer} | ({"who": who} if who else {}),
        desk=desk,
    )


def restrict_at_once(request_id: RequestId, *, desk: RestrictionDesk) -> bool:
    """Restrict a request whose identity was verified, once; tell whether it was new.

    A run that is resumed comes here again, whatever was decided or done meanwhile.
    """
    entries = list(desk.ledger.entries(request_id))
    done = {entry.event for entry in entries}
    if is_effective(entries) or done & {RESTRICTED, Stage.PURGED}:
        return False
    facts: Mapping[str, JsonValue] = {
        "reason": RestrictionReason.PENDING.value,
        "officer": AT_ONCE,
    }
    _restrict(request_id, facts, desk=desk)
    return True


def lift_restriction(
    request_id: RequestId,
    reason: LiftReason,
    *,
    officer: str,
    who: str = "",
    desk: RestrictionDesk,
) -> bool:
    """Propose to end a restriction, or end it if another officer has proposed that.

    The subject is told first (Art. 18(3) GDPR).

    Returns:
        Whether it ended; otherwise it waits for a second officer.

    Raises:
        RestrictionRefusedError: There is no restriction, no such officer or reason, or
            the same officer has proposed it.
        UnknownRequestError: There is no such request.
    """
    _check_officer(officer, desk)
    request = desk.requests.get(request_id)
    found = restrictions(desk.ledger, request_id).get(request_id)
    if found is None:
        raise RestrictionRefusedError(problem="nothing is restricted")
    if reason not in DECIDED:
        raise RestrictionRefusedError(problem="that happens by itself")
    facts: dict[str, JsonValue] = {"reason": reason.value, "officer": officer}
    facts |= {"who": who} if who else {}
    proposal = found.proposal
    if proposal is None or proposal.reason != reason:
        desk.ledger.note(LIFT_PROPOSED, facts, request_id=request_id)
        return False
    if proposal.is_by(officer, who):
        raise RestrictionRefusedError(problem="a second officer has to agree")
    desk.notifier.notify(
        request, template=TEMPLATE, contact=read_contact(request_id, bench=desk)
    )
    end_restriction(request_id, facts | {"proposed_by": proposal.officer}, desk=desk)
    return True


def end_restriction(
    request_id: RequestId, facts: Mapping[str, JsonValue], *, desk: EndsRestrictions
) -> None:
    """Record the end of a restriction and destroy what it was kept by."""
    desk.ledger.note(RESTRICTION_LIFTED, facts, request_id=request_id)
    destroy_kept(request_id, desk=desk)


def destroy_kept(request_id: RequestId, *, desk: EndsRestrictions) -> None:
    """Destroy what a restriction was kept by, if that is not done."""
    if desk.custody.holds(scopes.restriction(request_id)):
        desk.custody.shred(scopes.restriction(request_id))


def _restrict(
    request_id: RequestId,
    facts: Mapping[str, JsonValue],
    *,
    desk: RestrictionDesk,
) -> None:
    """Keep what recognises the subject, then order the restriction."""
    desk.requests.get(request_id)
    entries = list(desk.ledger.entries(request_id))
    done = {entry.event for entry in entries}
    if Stage.IDENTITY_VERIFIED not in done:
        raise RestrictionRefusedError(problem="the identity is not verified")
    if is_effective(entries):
        raise RestrictionRefusedError(problem="the erasure is effective")
    if restrictions(desk.ledger, request_id):
        raise RestrictionRefusedError(problem="it is restricted already")
    scope = scopes.restriction(request_id)
    if RESTRICTION_LIFTED in done:
        raise RestrictionRefusedError(problem="it was lifted; ask for a new request")
    try:
        subject = read_subject(request_id, bench=desk)
    except KeyDestroyedError:
        raise RestrictionRefusedError(problem="the working data was purged") from None
    desk.custody.open_scope(scope)
    desk.custody.put(scope, scopes.CONTENT, canonical_json(_plain(subject)))
    desk.ledger.note(RESTRICTED, facts, request_id=request_id)


def _plain(subject: DataSubject) -> dict[str, JsonValue]:
    return {kind: list(values) for kind, values in subject.to_plain().items()}


def _check_officer(officer: str, desk: RestrictionDesk) -> None:
    if officer not in desk.officers:
        raise RestrictionRefusedError(problem="not an officer of the configuration")
