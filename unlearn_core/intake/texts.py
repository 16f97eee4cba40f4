"""What the pages for data subjects say, in plain English."""

from collections.abc import Mapping
from dataclasses import dataclass

from unlearn_core.domain.deadlines import ExtensionReason
from unlearn_core.domain.grounds import Ground
from unlearn_core.domain.requests import Outcome, RequestStatus, Stage
from unlearn_core.domain.standing import Reason
from unlearn_core.domain.subjects import MAXIMUM_IDENTIFIER_CHARACTERS, IdentifierKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of the form."""

    name: str
    label: str
    hint: str = ""
    type: str = "text"
    autocomplete: str = "off"
    required: bool = False
    longest: int = MAXIMUM_IDENTIFIER_CHARACTERS


FIELDS = (
    Field(
        name=IdentifierKind.NAME,
        label="Full name",
        autocomplete="name",
        required=True,
    ),
    Field(
        name=IdentifierKind.EMAIL,
        label="E-mail address",
        hint="One that we may know you by.",
        type="email",
        autocomplete="email",
    ),
    Field(
        name=IdentifierKind.PHONE,
        label="Phone number",
        hint="With the country code, such as +49 30 1234567.",
        type="tel",
        autocomplete="tel",
    ),
    Field(name=IdentifierKind.CUSTOMER_NUMBER, label="Customer number"),
    Field(name=IdentifierKind.HANDLE, label="User name"),
)

PROBLEMS: Mapping[str, str] = {
    "name": "Enter your first and last name.",
    "second": "Enter one more detail, such as your e-mail address.",
    "email": "Enter an e-mail address such as name@example.org.",
    "phone": "Enter a phone number of 6 to 15 digits.",
    "customer_number": "Enter a customer number of at least four letters and digits.",
    "handle": "Enter a user name of at least two characters.",
    "identity_token": "The identity token is too long.",
    "other": "Fill in the form as it is shown.",
}

GROUNDS: Mapping[str, str] = {
    Ground.NO_LONGER_NEEDED: "You no longer need it for what you collected it for.",
    Ground.CONSENT_WITHDRAWN: "I take back my consent.",
    Ground.OBJECTION: "I object to its use.",
    Ground.UNLAWFUL: "It is used unlawfully.",
    Ground.DUTY_TO_ERASE: "A law demands that it is erased.",
    Ground.OFFERED_TO_CHILD: "It was collected online when I was a child.",
}
"""What subjects may claim, as Art. 17(1) GDPR has it."""

HEADLINES: Mapping[str, str] = {
    RequestStatus.OPEN: "Received",
    RequestStatus.IN_PROGRESS: "In progress",
    RequestStatus.DENIED: "Refused",
    Stage.ON_HOLD: "On hold",
    Stage.PROOF_AWAITED: "We need to know that it is you",
    Stage.COOLING_OFF: "About to be erased",
    Outcome.SUPPRESSED_AT_OUTPUT: "Done",
    Outcome.ERASED_AT_SOURCE: "Done",
    Outcome.PARTIAL: "Partly done",
    Outcome.NOT_FOUND: "Nothing found",
    Outcome.EXEMPT: "Refused",
    Outcome.REFUSED: "Refused",
    Outcome.WITHDRAWN: "Withdrawn",
    Outcome.FAILED: "Not achieved",
}

EXPLANATIONS: Mapping[str, str] = {
    RequestStatus.OPEN: "We have your request and will begin with it soon.",
    RequestStatus.IN_PROGRESS: "We are working on your request.",
    RequestStatus.DENIED: "We could not fulfil your request.",
    Stage.ON_HOLD: "Your request is on hold for a legal reason; nothing was erased.",
    Stage.PROOF_AWAITED: (
        "Nothing happens to your data before we know that the request is yours."
    ),
    Stage.COOLING_OFF: (
        "We know what to erase and wait, so that you can still change your mind."
    ),
    Outcome.SUPPRESSED_AT_OUTPUT: (
        "Your data was erased in every source that was searched, and our services no "
        "longer let the model state it. The model itself is unchanged inside."
    ),
    Outcome.ERASED_AT_SOURCE: "Your data was erased in every source that was searched.",
    Outcome.PARTIAL: (
        "We did what was possible, but a source could not be searched completely, or "
        "some records may not be erased."
    ),
    Outcome.NOT_FOUND: "Every source was searched completely; nothing was found.",
    Outcome.EXEMPT: "We may, or must, keep the data.",
    Outcome.REFUSED: "We did not fulfil your request.",
    Outcome.WITHDRAWN: "The request was withdrawn before anything was erased.",
    Outcome.FAILED: (
        "Your records were erased where that was possible, but we could not show that "
        "the model no longer states them."
    ),
}

ASKED = (
    "We wrote to you and asked how we can know that the request is yours. Please "
    "answer within two weeks of that message; otherwise we have to refuse. Nothing "
    "happens to your data before."
)

FORM_PROBLEMS: Mapping[str, str] = {
    "wrong": "That is not the code that we sent last. Look at the newest message.",
    "too late": "The code is too old, or was tried too often. Ask for a new one.",
    "no more are sent": "We sent you three codes. Please write to us instead.",
    "none is awaited": "No code is needed now.",
    "not confirmed": "Tick the box if you want to cancel your request.",
    "the erasure has begun": "It is too late: your data is being erased.",
    "the time to cancel is over": "It is too late: the request cannot be cancelled.",
    "busy": "Somebody is at work on your request. Try again in a moment.",
}

CANCELLING: Mapping[str, str] = {
    "until": (
        "You can cancel the request until {moment}. Nothing is erased before. From "
        "then on, nobody can cancel it, and what is erased cannot be brought back."
    ),
    "at_least": (
        "You can cancel the request until {moment} at least. Nothing is erased before. "
        "This page will tell the last moment as soon as it is fixed."
    ),
    "not_erased": (
        "You can cancel the request as long as nothing was erased. What is erased "
        "cannot be brought back."
    ),
}
"""Until when the subject can change their mind."""

EXTENSIONS: Mapping[str, str] = {
    ExtensionReason.COMPLEXITY: "We need more time because your request is complex.",
    ExtensionReason.NUMBER_OF_REQUESTS: (
        "We need more time because of the number of requests."
    ),
}
"""Why it takes longer, as Art. 12(3) GDPR wants the subject to be told."""

CERTIFICATES: Mapping[str, str] = {
    Reason.AS_VERIFIED: "Valid until {until}, if our service stays as it was checked.",
    Reason.TIME_IS_UP: (
        "Expired on {until}. It says what was found before; it was not checked again."
    ),
    Reason.STACK_CHANGED: (
        "Expired: our service was changed after the last check and has not been "
        "checked again."
    ),
    Reason.NOT_CONFIRMED: (
        "Failed: a later check could not confirm it. You may ask us what that means."
    ),
}
