"""A real SMTP server takes, refuses and delays messages."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import product
from socket import socket
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from support.domain import NOW, deadline
from support.domain import request as erasure_request

from unlearn_core.adapters.mail import EMAIL, MailServer, SmtpCarrier, languages
from unlearn_core.domain.deadlines import Rule
from unlearn_core.domain.dispatches import (
    CarrierUnavailableError,
    MessageRefusedError,
)
from unlearn_core.domain.requests import Outcome
from unlearn_core.ports import Message
from unlearn_core.privacy import Personal

ADDRESS = Personal("ada@post.example")
TEMPLATES = (
    "acknowledged",
    "identity_code_1",
    "cooling_off_1",
    "proof_asked",
    "extended",
    "on_hold",
    "restriction_lifted",
    *Outcome,
)
RIGHTS = {"en": "you may go to court", "de": "Sie können vor Gericht gehen"}


@dataclass
class Mailboxes:
    """What the server does with messages, and those it took."""

    answer: str = "250 OK"
    answer_to_recipient: str = "250 OK"
    taken: list[EmailMessage] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - the library's name
        self,
        _server: object,
        _session: object,
        envelope: Envelope,
        address: str,
        _o: object,
    ) -> str:
        """Answer to an address."""
        if self.answer_to_recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer_to_recipient

    async def handle_DATA(  # noqa: N802 - the library's name
        self, _server: object, _session: object, envelope: Envelope
    ) -> str:
        """Take a message."""
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            mail = message_from_bytes(envelope.content, policy=policy.default)
            self.taken.append(mail)
        return self.answer


@contextmanager
def mail_server(mailboxes: Mailboxes) -> Iterator[int]:
    """Run a server on a free port."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    controller = Controller(mailboxes, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def carrier(
    port: int, *, language: str = "en", authority: str | None = None
) -> SmtpCarrier:
    return SmtpCarrier(
        server=MailServer(host="127.0.0.1", port=port, encrypts=False),
        sender="privacy@unlearn.example",
        language=language,
        link=lambda _request_id: "https://u.example/status/x",
        authority=authority,
    )


def message(template: str = "acknowledged") -> Message:
    return Message(
        request=erasure_request(), template=template, at=NOW, reference="ab" * 16
    )


@pytest.mark.parametrize(("asked_in", "sent_in"), [("de", "de"), ("fr", "en")])
def test_what_the_subject_reads_comes_before_what_is_configured(
    asked_in: str, sent_in: str
) -> None:
    asked = replace(message(), language=Personal(asked_in))
    mail = carrier(25).compose(asked, ADDRESS)
    assert mail["Content-Language"] == sent_in


def test_a_message_is_handed_over_with_a_subject_line_that_tells_nothing() -> None:
    mailboxes = Mailboxes()
    with mail_server(mailboxes) as port:
        carrier(port).carry(message(), to=ADDRESS)
    (mail,) = mailboxes.taken
    assert mail["Subject"] == "About your data-protection request"
    assert mail["To"] == "ada@post.example"
    assert mail["Message-ID"] == f"<{'ab' * 16}@unlearn.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    text = mail.get_content()
    assert "on 02 March 2026" in text
    assert "https://u.example/status/x" in text
    assert "ada" not in text.lower()


@pytest.mark.parametrize(
    ("answers", "error", "reason"),
    [
        (("550 no such mailbox", "250 OK"), MessageRefusedError, "smtp_550"),
        (("450 greylisted", "250 OK"), CarrierUnavailableError, "smtp_450"),
        (("250 OK", "554 looks like spam"), MessageRefusedError, "smtp_554"),
        (("250 OK", "452 disk full"), CarrierUnavailableError, "smtp_452"),
        (("530 log in first", "250 OK"), CarrierUnavailableError, "smtp_530"),
    ],
)
def test_refused_for_good_is_told_from_not_now(
    answers: tuple[str, str], error: type[Exception], reason: str
) -> None:
    recipient, data = answers
    mailboxes = Mailboxes(answer=data, answer_to_recipient=recipient)
    with mail_server(mailboxes) as port, pytest.raises(error) as raised:
        carrier(port).carry(message(), to=ADDRESS)
    assert raised.value.facts == {"reason": reason}  # type: ignore[attr-defined]  # ours
    assert "ada" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_a_server_that_is_away_or_cannot_encrypt_gets_nothing() -> None:
    mailboxes = Mailboxes()
    with mail_server(mailboxes) as port:
        encrypting = SmtpCarrier(
            server=MailServer(host="127.0.0.1", port=port),
            sender="privacy@unlearn.example",
        )
        with pytest.raises(CarrierUnavailableError, match="SMTPNotSupportedError"):
            encrypting.carry(message(), to=ADDRESS)
    with pytest.raises(CarrierUnavailableError, match="ConnectionRefusedError"):
        carrier(port).carry(message(), to=ADDRESS)
    assert mailboxes.taken == []


@pytest.mark.parametrize(
    "contact",
    [
        "+49 30 1234567",
        "ada",
        "ada@",
        "",
        "a@b.example, c@d.example",
        "ada@post.example\nBcc: all@post.example",
    ],
)
def test_what_is_no_single_address_is_refused_before_a_server_is_asked(
    contact: str,
) -> None:
    with pytest.raises(MessageRefusedError, match="not_an_address"):
        carrier(9).carry(message(), to=Personal(contact))


@pytest.mark.parametrize(
    ("language", "template"), list(product(("de", "en"), TEMPLATES))
)
def test_every_message_is_written_in_every_language_and_under_every_rule(
    language: str, template: str
) -> None:
    for rule in Rule:
        text = composed(language, template, rule)
        assert "None" not in text
        assert not re.search(r"[{}]", text)
        says_rights = RIGHTS[language] in text
        assert says_rights == (template in ("partial", "exempt", "refused", "failed"))


@pytest.mark.parametrize(
    ("language", "link", "where"),
    [
        ("en", "https://u.example/status/x", "on the status page"),
        ("en", None, "where you made the request"),
        ("de", "https://u.example/status/x", "auf der Statusseite"),
        ("de", None, "dort, wo Sie den Antrag gestellt haben"),
    ],
)
def test_a_code_is_in_its_message_with_where_it_is_entered(
    language: str, link: str | None, where: str
) -> None:
    brings = replace(message("identity_code_2"), code=Personal("01234567"))
    by = replace(carrier(9, language=language), link=lambda _request_id: link)
    mail = by.compose(brings, ADDRESS)
    text = mail.get_content()
    assert "\n    01234567\n" in text
    assert where in text
    assert "01234567" not in mail["Subject"]


def test_the_controllers_own_authority_is_named() -> None:
    text = composed("de", "refused", Rule.GDPR, authority="dem BfDI")
    assert "bei dem BfDI beschweren" in text


def test_the_languages_are_those_of_the_settings() -> None:
    assert languages() == ("de", "en")


def test_mail_goes_to_the_subjects_own_address() -> None:
    assert carrier(9).route == EMAIL
    assert EMAIL.needs_address


@pytest.mark.parametrize("language", ["de", "en"])
def test_a_message_says_which_language_it_is_in(language: str) -> None:
    plain = Message(
        request=erasure_request(), template="acknowledged", at=NOW, reference="r"
    )
    mail = carrier(9, language=language).compose(plain, ADDRESS)
    assert mail["Content-Language"] == language


def composed(
    language: str,
    template: str,
    rule: Rule,
    *,
    authority: str | None = None,
) -> str:
    """Return the text of a message, without a server."""
    request = replace(erasure_request(), deadline=replace(deadline(), rule=rule))
    code = Personal("01234567") if template.startswith("identity_code") else None
    plain = Message(
        request=request, template=template, at=NOW, reference="r", code=code
    )
    text: str = (
        carrier(9, language=language, authority=authority)
        .compose(plain, ADDRESS)
        .get_content()
    )
    return text


@pytest.mark.parametrize("template", ["acknowledged", "cooling_off_1"])
@pytest.mark.parametrize(
    ("language", "until"),
    [("en", "02 March 2026, 10:30 CET"), ("de", "02.03.2026, 10:30 Uhr CET")],
)
def test_until_when_one_can_cancel_is_told_in_the_controllers_time(
    language: str, until: str, template: str
) -> None:
    states = replace(message(template), cancel_until=NOW)
    by = replace(carrier(9, language=language), timezone=ZoneInfo("Europe/Berlin"))
    assert until in by.compose(states, ADDRESS).get_content()
    assert until not in by.compose(message(template), ADDRESS).get_content()
