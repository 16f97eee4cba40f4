"""Messages to data subjects by e-mail.

The subject line is the same for every message and names nobody: it is shown on locked
screens. Whether an address exists is known only to its own server, often later and by
another message; what is refused at once is told apart from what may go well next time.
"""

import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, tzinfo
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import SecretStr

from unlearn_core.domain.dispatches import (
    CarrierUnavailableError,
    MessageRefusedError,
    Route,
)
from unlearn_core.domain.requests import RequestId
from unlearn_core.ports import Message
from unlearn_core.privacy import Personal

MAIL = Path(__file__).parent / "pages" / "mail"
EMAIL = Route(channel="email", needs_address=True)
TIMEOUT_SECONDS = 10.0

_FOR_GOOD = range(500, 600)
# Refusals of us, not of the message: they end when an operator mends something.
_OURS = frozenset({530, 534, 535, 538})

# No markup comes out of these templates, so there is nothing to escape.
_TEMPLATES = Environment(
    loader=FileSystemLoader(MAIL),
    autoescape=False,  # noqa: S701 - plain text
    undefined=StrictUndefined,
)


def languages() -> tuple[str, ...]:
    """Return the languages that messages are written in."""
    return tuple(sorted(path.stem for path in MAIL.glob("*.txt")))


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail is handed over.

    Attributes:
        encrypts: Whether STARTTLS is demanded; its certificate is checked.
        user: Name to log in with; without a password nobody logs in.
    """

    host: str
    port: int
    encrypts: bool = True
    user: str = ""
    password: SecretStr | None = None

    def take(self, mail: EmailMessage) -> None:
        """Hand a message over.

        Raises:
            MessageRefusedError: It will never be taken; ``reason`` is a code.
            CarrierUnavailableError: It may be taken later; ``reason`` is a code.
        """
        with (
            _explained(),
            smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_SECONDS) as connection,
        ):
            if self.encrypts:
                connection.starttls(context=ssl.create_default_context())
            if self.password:
                connection.login(self.user, self.password.get_secret_value())
            connection.send_message(mail)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpCarrier:
    """`Carrier` over SMTP (RFC 5321).

    Attributes:
        server: Where mail is handed over.
        sender: Address of the controller.
        language: What is written in to whoever did not ask in one of `languages`.
        link: Gives the address of a request's status page; None if there is none.
        authority: Supervisory authority that the controller names.
        timezone: Where the controller is; moments are told in its time.
    """

    server: MailServer
    sender: str
    language: str = "en"
    link: Callable[[RequestId], str | None] = lambda _request_id: None
    authority: str | None = None
    timezone: tzinfo = UTC

    @property
    def route(self) -> Route:
        """Return the way to the subject's mailbox."""
        return EMAIL

    def carry(self, message: Message, *, to: Personal[str] | None) -> None:
        """Hand a message over."""
        self.server.take(self.compose(message, to))

    def compose(self, message: Message, to: Personal[str] | None) -> EmailMessage:
        """Return what is handed over.

        Raises:
            MessageRefusedError: The address is none, or more than one.
        """
        language = self._language(message)
        template: Any = _TEMPLATES.get_template(f"{language}.txt").module
        mail = addressed(message, sender=self.sender, to=to.reveal() if to else "")
        mail["Subject"] = template.subject
        mail.set_content(
            template.text(message.template, self._facts(message, template))
        )
        mail["Content-Language"] = language  # a new content takes it away
        return mail

    def _language(self, message: Message) -> str:
        asked_in = message.language.reveal() if message.language else self.language
        return asked_in if asked_in in languages() else self.language

    def _facts(self, message: Message, template: Any) -> dict[str, str | None]:  # noqa: ANN401 - a module of macros
        deadline, day, until = message.request.deadline, template.day, None
        if message.cancel_until:
            local = message.cancel_until.astimezone(self.timezone)
            until = local.strftime(template.moment)
        return {
            "rule": deadline.rule,
            "received_on": deadline.received_on.strftime(day),
            "due_on": deadline.due_on.strftime(day),
            "extended_due_on": deadline.extended_due_on.strftime(day),
            "authority": self.authority,
            "link": self.link(message.request.request_id),
            "cancel_until": until,
            "code": message.code.reveal() if message.code else None,
        }


def addressed(message: Message, *, sender: str, to: str) -> EmailMessage:
    """Return an empty mail to one address.

    Raises:
        MessageRefusedError: The address is none, or more than one.
    """
    mail = EmailMessage()
    try:
        mail["To"] = to
        (address,) = mail["To"].addresses
    except (ValueError, IndexError):
        raise MessageRefusedError(reason="not_an_address") from None
    if not (address.username and "." in address.domain):
        raise MessageRefusedError(reason="not_an_address")
    mail["From"] = sender
    mail["Date"] = format_datetime(message.at)
    # The same for every try: mailboxes show a repeated message once.
    mail["Message-ID"] = f"<{message.reference}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    return mail


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what a server answers into our errors; their texts may hold addresses."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        ((code, _text),) = error.recipients.values()
        raise _refusal(code) from None
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code) from None
    except (OSError, smtplib.SMTPException) as error:
        raise CarrierUnavailableError(reason=type(error).__name__) from None


def _refusal(code: int) -> MessageRefusedError | CarrierUnavailableError:
    is_final = code in _FOR_GOOD and code not in _OURS
    kind = MessageRefusedError if is_final else CarrierUnavailableError
    return kind(reason=f"smtp_{code}")
