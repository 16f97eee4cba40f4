"""What the pages for data subjects say: the parts, and the words in English."""

from collections.abc import Mapping
from dataclasses import dataclass

from unlearn_core.domain.deadlines import ExtensionReason
from unlearn_core.domain.decisions import (
    COMPLAINT,
    JUDICIAL_REMEDY,
    REFUSALS,
    RefusalReason,
)
from unlearn_core.domain.grounds import Ground
from unlearn_core.domain.requests import Outcome, RequestStatus, Stage
from unlearn_core.domain.standing import Reason
from unlearn_core.domain.subjects import MAXIMUM_IDENTIFIER_CHARACTERS, IdentifierKind
from unlearn_core.errors import UnlearnError
from unlearn_core.http_errors import RateLimitedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of the form."""

    name: str
    type: str = "text"
    autocomplete: str = "off"
    required: bool = False
    longest: int = MAXIMUM_IDENTIFIER_CHARACTERS


FIELDS = (
    Field(name=IdentifierKind.NAME, autocomplete="name", required=True),
    Field(name=IdentifierKind.EMAIL, type="email", autocomplete="email"),
    Field(name=IdentifierKind.PHONE, type="tel", autocomplete="tel"),
    Field(name=IdentifierKind.CUSTOMER_NUMBER),
    Field(name=IdentifierKind.HANDLE),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """One language of the pages for data subjects.

    Attributes:
        language: Its code.
        day: Format of a date.
        moment: Format of a date with its time.
        labels: Of the fields, by kind of identifier.
        hints: What helps with a field, where something does.
        grounds: Why somebody may ask, in their own words.
        problems: What is wrong with a field.
        headlines: Where a request stands, in a few words.
        explanations: The same in a sentence.
        form_problems: Why a form of the status page was not carried out.
        gate: Why a form was not taken at all, by the error's problem or code.
        cancelling: Until when the subject can change their mind.
        extensions: Why it takes longer, as Art. 12(3) GDPR wants them to be told.
        certificates: How the certificate stands.
        restrictions: How a restriction of use stands (Art. 18 GDPR).
        refusals: Why a request was refused.
        complaint: Where to complain; ``competent`` names our authority.
        judicial_remedy: That they may go to court.
        page: Everything else, by the word that templates use.
    """

    language: str
    day: str
    moment: str
    labels: Mapping[str, str]
    hints: Mapping[str, str]
    grounds: Mapping[Ground, str]
    problems: Mapping[str, str]
    headlines: Mapping[str, str]
    explanations: Mapping[str, str]
    form_problems: Mapping[str, str]
    gate: Mapping[str, str]
    cancelling: Mapping[str, str]
    extensions: Mapping[str, str]
    certificates: Mapping[str, str]
    restrictions: Mapping[str, str]
    refusals: Mapping[RefusalReason, str]
    complaint: str
    competent: str
    judicial_remedy: str
    page: Mapping[str, str]

    def remedies(self, authority: str | None) -> tuple[str, str]:
        """Return where somebody can complain who was refused."""
        named = self.competent.format(authority=authority) if authority else ""
        return self.complaint + named, self.judicial_remedy

    def why_refused(self, error: UnlearnError) -> str:
        """Return why a form was not taken at all, and what to do next."""
        word = str(error.facts.get("problem", error.code))
        return self.gate.get(word, self.gate["other"])


ENGLISH = Texts(
    language="en",
    day="%Y-%m-%d",
    moment="%Y-%m-%d %H:%M %Z",
    labels={
        IdentifierKind.NAME: "Full name",
        IdentifierKind.EMAIL: "E-mail address",
        IdentifierKind.PHONE: "Phone number",
        IdentifierKind.CUSTOMER_NUMBER: "Customer number",
        IdentifierKind.HANDLE: "User name",
    },
    hints={
        IdentifierKind.EMAIL: "One that we may know you by.",
        IdentifierKind.PHONE: "With the country code, such as +49 30 1234567.",
    },
    grounds={
        Ground.NO_LONGER_NEEDED: (
            "My data is no longer needed for what it was collected for."
        ),
        Ground.CONSENT_WITHDRAWN: "I take back my consent.",
        Ground.OBJECTION: "I object to the use of my data.",
        Ground.UNLAWFUL: "My data is used unlawfully.",
        Ground.DUTY_TO_ERASE: "A law demands that my data is erased.",
        Ground.OFFERED_TO_CHILD: "My data was collected online when I was a child.",
    },
    problems={
        "name": "Enter your first and last name.",
        "second": "Enter one more detail, such as your e-mail address.",
        "email": "Enter an e-mail address such as name@example.org.",
        "phone": "Enter a phone number of 6 to 15 digits.",
        "customer_number": (
            "Enter a customer number of at least four letters and digits."
        ),
        "handle": "Enter a user name of at least two characters.",
        "identity_token": "The identity token is too long.",
        "other": "Fill in the form as it is shown.",
    },
    headlines={
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
    },
    explanations={
        RequestStatus.OPEN: "We have your request and will begin with it soon.",
        RequestStatus.IN_PROGRESS: "We are working on your request.",
        RequestStatus.DENIED: "We could not fulfil your request.",
        Stage.ON_HOLD: (
            "Your request is on hold for a legal reason; nothing was erased."
        ),
        Stage.PROOF_AWAITED: (
            "Nothing happens to your data before we know that the request is yours."
        ),
        Stage.COOLING_OFF: (
            "We know what to erase and wait, so that you can still change your mind."
        ),
        Outcome.SUPPRESSED_AT_OUTPUT: (
            "Your data was erased in every source that was searched, and our services"
            " no longer let the model state it. The model itself is unchanged inside."
        ),
        Outcome.ERASED_AT_SOURCE: (
            "Your data was erased in every source that was searched. The model was not"
            " trained on any of it."
        ),
        Outcome.PARTIAL: (
            "We did what was possible, but a source could not be searched completely,"
            " or some records may not be erased."
        ),
        Outcome.NOT_FOUND: "Every source was searched completely; nothing was found.",
        Outcome.EXEMPT: "We may, or must, keep the data.",
        Outcome.REFUSED: "We did not fulfil your request.",
        Outcome.WITHDRAWN: "The request was withdrawn before anything was erased.",
        Outcome.FAILED: (
            "Your records were erased where that was possible, but we could not show "
            "that the model no longer states them."
        ),
    },
    form_problems={
        "wrong": "That is not the code that we sent last. Look at the newest message.",
        "too late": "The code is too old, or was tried too often. Ask for a new one.",
        "no more are sent": "We sent you three codes. Please write to us instead.",
        "none is awaited": "No code is needed now.",
        "not confirmed": "Tick the box if you want to cancel your request.",
        "the erasure has begun": "It is too late: your data is being erased.",
        "the time to cancel is over": (
            "It is too late: the request cannot be cancelled."
        ),
        "busy": "Somebody is at work on your request. Try again in a moment.",
    },
    gate={
        RateLimitedError.code: (
            "Too many forms came from your address. Wait a minute, then go back and "
            "send it again."
        ),
        "the form is not from here": (
            "For your protection we take a form only from our own page, and this one "
            "seems to come from elsewhere. Go back and send it from there."
        ),
        "the form is not of this session": (
            "The form was opened before you last signed in. Go back and send it again."
        ),
        "not a form": (
            "What arrived was no form that we can read, or it was too long. Go back "
            "and fill it in again."
        ),
        "the role is missing": (
            "You are signed in but may not do this. Ask an administrator for a role "
            "that may."
        ),
        "other": (
            "Something went wrong with it. Go back and try again; if it happens again, "
            "please write to us."
        ),
    },
    cancelling={
        "until": (
            "You can cancel the request until {moment}. Nothing is erased before. From "
            "then on, nobody can cancel it, and what is erased cannot be brought back."
        ),
        "at_least": (
            "You can cancel the request until {moment} at least. Nothing is erased "
            "before. This page will tell the last moment as soon as it is fixed."
        ),
        "not_erased": (
            "You can cancel the request as long as nothing was erased. What is erased "
            "cannot be brought back."
        ),
    },
    extensions={
        ExtensionReason.COMPLEXITY: (
            "We need more time because your request is complex."
        ),
        ExtensionReason.NUMBER_OF_REQUESTS: (
            "We need more time because of the number of requests."
        ),
    },
    certificates={
        Reason.AS_VERIFIED: (
            "Valid until {until}, if our service stays as it was checked."
        ),
        Reason.TIME_IS_UP: (
            "Expired on {until}. It says what was found before; it was not checked "
            "again."
        ),
        Reason.STACK_CHANGED: (
            "Expired: our service was changed after the last check and has not been "
            "checked again."
        ),
        Reason.NOT_CONFIRMED: (
            "Failed: a later check could not confirm it. You may ask us what that "
            "means."
        ),
    },
    restrictions={
        "restricted": "Ordered. We are telling our services not to name you.",
        "restriction_in_force": "In force. Our services do not name you.",
        "restriction_lifted": "Ended.",
    },
    refusals=REFUSALS,
    complaint=COMPLAINT,
    competent=" The authority responsible for us is {authority}.",
    judicial_remedy=JUDICIAL_REMEDY,
    page={
        "other_code": "de",
        "other_language": "Deutsch",
        "skip": "Skip to content",
        "data_protection": "Data protection",
        "footer": (
            "This page runs no scripts and loads nothing from elsewhere. It sets a "
            "cookie only to remember a language that you choose."
        ),
        "error": "Error: ",
        "form_title": "Ask us to forget you",
        "form_lead": (
            "You may ask for the erasure of your personal data, including what our "
            "language model says about you. It is free of charge. We answer within the "
            "time that the law gives us, as a rule one month."
        ),
        "form_refused": "We could not accept the form",
        "form_again": (
            "To protect you, we kept nothing of what you typed; please fill in the "
            "form again."
        ),
        "who": "Who you are",
        "who_hint": (
            "We need your full name and at least one more detail, to tell you apart "
            "from people with the same name."
        ),
        "optional": "(optional)",
        "ground": "Why you ask",
        "ground_reason": "Reason",
        "ground_hint": "You need not give one; we find out which applies.",
        "no_ground": "I give no reason",
        "proof": "How you prove who you are",
        "token": "Identity token",
        "token_hint": (
            "The text that our sign-in service gave you. It is destroyed as soon as "
            "your identity was checked. Without it we may have to refuse."
        ),
        "proof_code": (
            "When you have sent this form, we send a code of eight digits to the "
            "address that you entered for e-mail. Enter it on the next page, and we "
            "know that it is you."
        ),
        "proof_officer": (
            "Somebody in our office checks who you are, and gets in touch with you if "
            "need be."
        ),
        "send": "Send the request",
        "asked": (
            "We wrote to you and asked how we can know that the request is yours. "
            "Please answer within two weeks of that message; otherwise we have to "
            "refuse. Nothing happens to your data before."
        ),
        "your_request": "Your request",
        "received": "Received",
        "answer_by": "We answer by",
        "extended": "(extended)",
        "certificate": "Certificate",
        "restriction": "Restricted use",
        "reference": "Reference",
        "enter_code": "Enter the code",
        "code_sent": (
            "We sent a code of eight digits to the e-mail address of your request. It "
            "counts for half an hour."
        ),
        "code": "Code",
        "prove": "Prove that it is me",
        "new_code": "Send a new code",
        "why": "Why, and what you can do",
        "kept": "What stays, and why",
        "what_you_can_do": "What you can do",
        "change_your_mind": "If you change your mind",
        "confirm_cancel": "I do not want my data to be erased now.",
        "cancel": "Cancel the request",
        "keep": "Keep this address",
        "keep_text": (
            "Save this page as a bookmark. Its address is the only way back here, and "
            "everybody who knows it can see where your request stands, and cancel it "
            "as long as that is possible. It does not say who you are."
        ),
        "missing_title": "Page not found",
        "missing": "There is no such page",
        "missing_text": (
            "Check the address: a status link has to be complete. You can also send a "
            "new request:"
        ),
        "new_request": "new request",
        "refused_title": "Not possible",
        "refused": "That is not possible",
        "back": "Back",
    },
)
