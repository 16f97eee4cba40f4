"""What the console's pages share: what they work with, and how they are answered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import Request, Response

from unlearn_core import ports
from unlearn_core.domain.access import Caller, Role, form_token
from unlearn_core.domain.certificates import ErasureCertificate
from unlearn_core.domain.requests import RequestId
from unlearn_core.intake.console.words import LANGUAGES, keep_choice, language_of
from unlearn_core.intake.gate import COOKIE
from unlearn_core.intake.rendering import page
from unlearn_core.intake.rules import RULES
from unlearn_core.steps.cut_off_replica import FleetDesk
from unlearn_core.steps.decide_request import DecisionDesk
from unlearn_core.steps.restrict_request import RestrictionDesk
from unlearn_core.steps.review_records import ReviewDesk
from unlearn_core.steps.standing import CertificateDesk

NAVIGATION = (
    ("inbox", "/console"),
    ("calendar", "/console/calendar"),
    ("figures", "/console/figures"),
    ("replicas", "/console/replicas"),
    ("keys", "/console/keys"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleDesk:
    """What the pages need.

    Attributes:
        decisions: Takes decisions, and reads requests and ledger.
        restriction: Restricts what is said about subjects.
        review: Shows and takes decisions about uncertain records.
        certificates: Says where certificates stand.
        evidence: Holds certificates and reports.
        letters: Writes letters about certificates.
        export_bundle: Puts together what proves a request, packed into one file.
        open_certificate: Checks a certificate with the trusted keys.
        fleet: The inference services.
        access: Keys and sessions.
    """

    decisions: DecisionDesk
    restriction: RestrictionDesk
    review: ReviewDesk
    certificates: CertificateDesk
    evidence: ports.EvidenceStore
    letters: ports.LetterWriter
    export_bundle: Callable[[RequestId], bytes]
    open_certificate: Callable[[bytes], ErasureCertificate]
    fleet: FleetDesk
    access: ports.AccessStore


def words_of(request: Request) -> Mapping[str, str]:
    """Return the words of whoever asks."""
    return LANGUAGES[language_of(request)]


def caller_of(request: Request) -> Caller:
    """Return who asks, as the gate found out."""
    caller: Caller = request.state.caller
    return caller


def form_of(request: Request) -> Mapping[str, str]:
    """Return the form that the gate accepted."""
    form: Mapping[str, str] = request.state.form
    return form


def may(caller: Caller, route: str) -> bool:
    """Tell whether the rules let somebody use a route."""
    return bool(caller.roles & RULES[route].roles)


def show(
    request: Request,
    name: str,
    status: HTTPStatus = HTTPStatus.OK,
    /,
    **values: object,
) -> Response:
    """Return a page of the console in the reader's language."""
    caller = caller_of(request)
    answer = page(
        name,
        status,
        t=words_of(request),
        caller=caller,
        roles=sorted(caller.roles, key=list(Role).index),
        navigation=[
            (word, path) for word, path in NAVIGATION if may(caller, f"GET {path}")
        ],
        form_token=form_token(request.cookies.get(COOKIE, "")),
        **{"path": request.url.path} | values,
    )
    return keep_choice(request, answer)
