"""Settle: an officer says why a recipient gets no notice, or none any more.

Art. 19 lets a controller be silent only where telling is impossible or takes a
disproportionate effort. Somebody answers for that, with a code, by name.
"""

from dataclasses import dataclass

from unlearn_core import ports
from unlearn_core.domain.decisions import DecisionRefusedError
from unlearn_core.domain.dispatches import DispatchState
from unlearn_core.domain.recipients import (
    CHANNEL,
    NOTICE,
    SETTLED,
    Decided,
    RecipientRefusedError,
    Told,
    read_recipients,
)
from unlearn_core.domain.requests import RequestId
from unlearn_core.steps import scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientDesk:
    """What looking after notices to recipients needs.

    Attributes:
        officers: Names of those who may decide.
    """

    officers: tuple[str, ...]
    ledger: ports.Ledger
    outbox: ports.Outbox
    custody: ports.Custody

    def told(self, request_id: RequestId) -> tuple[Told, ...]:
        """Return the recipients of what a request has erased."""
        return read_recipients(self.ledger.entries(request_id))


def settle_recipient(
    request_id: RequestId, name: str, decided: Decided, *, desk: RecipientDesk
) -> None:
    """Record the decision; a notice that waits is sent no more.

    Raises:
        DecisionRefusedError: This is no officer.
        RecipientRefusedError: The recipient is not concerned, was told, or the matter
            is settled.
    """
    if decided.officer not in desk.officers:
        raise DecisionRefusedError(problem="not an officer of the configuration")
    known = {item.name: item for item in desk.told(request_id)}
    if name not in known or not known[name].telling.is_open:
        raise RecipientRefusedError(recipient=name)
    desk.ledger.note(
        SETTLED,
        {
            "recipient": name,
            "settlement": decided.settlement.value,
            "officer": decided.officer,
        },
        request_id=request_id,
    )
    for dispatch in desk.outbox.dispatches(request_id):
        if (
            (dispatch.template, dispatch.channel) == (NOTICE, CHANNEL + name)
            and dispatch.state is DispatchState.WAITING
        ):  # fmt: skip
            desk.outbox.settle(dispatch.abandoned(decided.settlement.value))
    forget_notices(request_id, name, outbox=desk.outbox, custody=desk.custody)


def forget_notices(
    request_id: RequestId, ended: str, *, outbox: ports.Outbox, custody: ports.Custody
) -> None:
    """Destroy what notices say once none but the ended one waits to be sent."""
    is_needed = any(
        dispatch.template == NOTICE
        and dispatch.state is DispatchState.WAITING
        and dispatch.channel != CHANNEL + ended
        for dispatch in outbox.dispatches(request_id)
    )
    if not is_needed and custody.holds(scopes.notices(request_id)):
        custody.shred(scopes.notices(request_id))
