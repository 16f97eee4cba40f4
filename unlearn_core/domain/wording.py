"""The words of letters: what a language has to say, and how English says it."""

from collections.abc import Mapping
from dataclasses import dataclass

from unlearn_core.domain.certificates import LIMITS
from unlearn_core.domain.decisions import COMPLAINT, JUDICIAL_REMEDY
from unlearn_core.domain.exemptions import Kept
from unlearn_core.domain.grounds import Ground
from unlearn_core.domain.recipients import Telling
from unlearn_core.domain.requests import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One language.

    Attributes:
        grounds: What each ground is called.
        outcomes: What each outcome means to the person.
        kept: Why records stay.
        tellings: How far the telling of some recipients had come.
        remedies: Where somebody can complain who got less than was asked for.
        limits: The limits of a certificate, in their order.
        day: Format of a date.
    """

    title: str
    greeting: str
    outcomes: Mapping[Outcome, str]
    request: str
    received: str
    ground: str
    grounds: Mapping[Ground, str]
    issued: str
    valid_until: str
    effective: str
    records: str
    record_line: str
    redacted_line: str
    unsearched: str
    kept_line: str
    kept: Mapping[Kept, str]
    recipients: str
    tellings: Mapping[Telling, str]
    recipients_list: str
    checks: str
    checks_line: str
    remedies_title: str
    remedies: tuple[str, ...]
    limits_title: str
    limits: tuple[str, ...]
    verify_title: str
    verify: str
    day: str


ENGLISH = Words(
    title="Your erasure request",
    greeting="This letter says what we did about your request, and what we did not do.",
    outcomes={
        Outcome.SUPPRESSED_AT_OUTPUT: (
            "Your records were erased in every source that was searched, and our "
            "services no longer let the model state what it had learned about you."
        ),
        Outcome.ERASED_AT_SOURCE: (
            "Your records were erased in every source that was searched. The model was "
            "not trained on any of them."
        ),
        Outcome.PARTIAL: (
            "We did what was possible. At least one source could not be searched "
            "completely, or some records may not be erased."
        ),
        Outcome.NOT_FOUND: (
            "Every source was searched completely. Nothing about you was found."
        ),
        Outcome.FAILED: (
            "Your records were erased where that was possible. We could not show that "
            "the model no longer states them."
        ),
    },
    request="Request",
    received="Received",
    ground="Ground",
    grounds={
        Ground.NO_LONGER_NEEDED: "no longer needed",
        Ground.CONSENT_WITHDRAWN: "consent withdrawn",
        Ground.OBJECTION: "objection",
        Ground.UNLAWFUL: "unlawful processing",
        Ground.DUTY_TO_ERASE: "a legal obligation to erase",
        Ground.OFFERED_TO_CHILD: "collected from a child online",
    },
    issued="Issued",
    valid_until="Checked results are vouched for until",
    effective="In effect since",
    records="Records, by source",
    record_line="{source}: {found} found, {erased} erased",
    redacted_line=(
        "{source}: {found} found, {erased} erased, "
        "{redacted} kept without what names you"
    ),
    unsearched="Not searched completely, or not to be erased: {sources}",
    kept_line="{source}: {count} kept, for {why}",
    kept={
        Kept.FREE_EXPRESSION: "the freedom of expression and information",
        Kept.LEGAL_OBLIGATION: "a legal obligation or a task in the public interest",
        Kept.PUBLIC_HEALTH: "reasons of public health",
        Kept.ARCHIVING: "archiving in the public interest, research or statistics",
        Kept.LEGAL_CLAIMS: "establishing, exercising or defending legal claims",
        Kept.LEGAL_HOLD: "a legal hold",
        Kept.NOT_ERASABLE: "lack of a way to erase in this source",
        Kept.SHARED_IDENTIFIER: "an identifier shared with another record",
    },
    recipients="Recipients of the data",
    tellings={
        Telling.WAITING: "A notice is on its way to: {count}",
        Telling.TOLD: "Told of the erasure: {count}",
        Telling.BOUNCED: "Not reached so far: {count}",
        Telling.ABANDONED: "Not reached so far, in repeated tries: {count}",
        Telling.TOLD_OTHERWISE: "Told of the erasure in another way: {count}",
        Telling.IMPOSSIBLE: "Impossible to tell: {count}",
        Telling.DISPROPORTIONATE: "Not told, for disproportionate effort: {count}",
    },
    recipients_list="Ask us, and we tell you who they are.",
    checks="Checks",
    checks_line="{passed} of {count} conditions that were fixed beforehand were met.",
    remedies_title="What you can do",
    remedies=(COMPLAINT, JUDICIAL_REMEDY),
    limits_title="What this does not say",
    limits=LIMITS,
    verify_title="How to check this letter",
    verify=(
        "The signed certificate is a file with this request's number. Anybody can "
        "check it without us, with our public keys: unlearn certificate verify FILE "
        "--trust trust.json"
    ),
    day="%d %B %Y",
)
