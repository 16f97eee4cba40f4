"""Answer senders: where a request stands, in the words of the protocol it came by."""

from collections.abc import Callable
from dataclasses import dataclass

from unlearn_core import ports
from unlearn_core.domain import drp, opendsr
from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.decisions import SUBMITTED_BY
from unlearn_core.domain.requests import ErasureRequest, RequestId, Stage
from unlearn_core.privacy import Personal
from unlearn_core.steps.legal_clock import LegalClock


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDesk(LegalClock):
    """What answering senders needs.

    Attributes:
        link: Gives the address of a request's status page, if there are such pages.
    """

    link: Callable[[RequestId], str | None]


def is_from(request_id: RequestId, sender: str, *, ledger: ports.Ledger) -> bool:
    """Tell whether a sender has sent a request, by the first entry about it."""
    return any(
        entry.payload.get(SUBMITTED_BY) == sender
        for entry in ledger.entries(request_id, event=Stage.RECEIVED)
    )


def drp_status(
    request: ErasureRequest, *, reference: Personal[str] | None, desk: AnswerDesk
) -> dict[str, JsonValue]:
    """Return a request's status in the form of the Data Rights Protocol.

    Args:
        request: The request.
        reference: The agent's own name of it, if it is still kept.
        desk: What answering needs.
    """
    return drp.status_document(
        request,
        tuple(desk.ledger.entries(request.request_id)),
        desk.docket(request),
        zone=desk.timezone,
        reference=reference.reveal() if reference else None,
        verification_url=desk.link(request.request_id),
    )


def opendsr_status(
    request: ErasureRequest,
    *,
    controller: str,
    subject_request_id: Personal[str],
    domain: str,
    desk: AnswerDesk,
) -> dict[str, JsonValue]:
    """Return a request's status in the form of OpenDSR."""
    return opendsr.status_document(
        request,
        tuple(desk.ledger.entries(request.request_id)),
        desk.docket(request),
        controller=controller,
        subject_request_id=subject_request_id.reveal(),
        domain=domain,
        zone=desk.timezone,
    )


def sender_of(request_id: RequestId, *, ledger: ports.Ledger) -> str:
    """Return who has sent a request, without what kind of sender it is."""
    (first,) = ledger.entries(request_id, event=Stage.RECEIVED)
    return str(first.payload[SUBMITTED_BY]).partition(":")[2]
