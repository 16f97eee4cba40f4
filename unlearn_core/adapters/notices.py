"""Notices to recipients of personal data, by e-mail and by signed webhook.

Text and subject are the same for everybody and name nobody. What says whose data is
meant is a JWE (RFC 7516) that only the recipient can open, with a signed envelope in
it; mail servers, proxies and logs on the way see neither.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from unlearn_core.adapters.mail import MailServer, addressed
from unlearn_core.adapters.recipients import FileRegister, Way
from unlearn_core.adapters.webhooks import WebhookCarrier
from unlearn_core.domain.dispatches import MessageRefusedError, Route
from unlearn_core.domain.recipients import Notice
from unlearn_core.errors import SettingsError
from unlearn_core.ports import Carrier, Message
from unlearn_core.privacy import Personal

NOTICES = Path(__file__).parent / "pages" / "notice"
ENCLOSURE = "notice.jwe"
EVENT = "recipient.erasure"

# No markup comes out of these templates, so there is nothing to escape.
_TEMPLATES = Environment(
    loader=FileSystemLoader(NOTICES),
    autoescape=False,  # noqa: S701 - plain text
    undefined=StrictUndefined,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailedNotice:
    """`Carrier` of notices to one recipient, by e-mail.

    Attributes:
        channel: The way to them in the outbox.
        server: Where mail is handed over.
        sender: Address of the controller.
        to: Address of the recipient.
        language: Name of the template file.
    """

    channel: str
    server: MailServer
    sender: str
    to: str
    language: str

    @property
    def route(self) -> Route:
        """Return the way to the recipient."""
        return Route(channel=self.channel, needs_address=False)

    def carry(self, message: Message, *, to: Personal[str] | None) -> None:
        """Hand a notice over; the subject's address is unused."""
        del to
        notice = _notice(message)
        template: Any = _TEMPLATES.get_template(f"{self.language}.txt").module
        mail = addressed(message, sender=self.sender, to=self.to)
        mail["Subject"] = template.subject
        facts = notice.to_json() | {
            "erased_on": notice.erased_on.strftime(template.day),
            "request_id": str(message.request.request_id),
            "rule": message.request.deadline.rule,
        }
        mail.set_content(template.text(facts))
        mail["Content-Language"] = self.language  # a new content takes it away
        if notice.sealed:
            mail.add_attachment(
                notice.sealed.encode(),
                maintype="application",
                subtype="jose",
                filename=ENCLOSURE,
            )
        self.server.take(mail)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedNotice:
    """`Carrier` of notices to one recipient, as a signed webhook.

    Attributes:
        channel: The way to them in the outbox.
        webhook: Where they want to hear, with the secret that they know.
    """

    channel: str
    webhook: WebhookCarrier

    @property
    def route(self) -> Route:
        """Return the way to the recipient."""
        return Route(channel=self.channel, needs_address=False)

    def carry(self, message: Message, *, to: Personal[str] | None) -> None:
        """Post a notice; the subject's address is unused."""
        del to
        body = {
            "type": EVENT,
            "timestamp": message.at.isoformat(),
            "data": {
                "request_id": str(message.request.request_id),
                "rule": message.request.deadline.rule,
                **_notice(message).to_json(),
            },
        }
        self.webhook.post(message.reference, json.dumps(body).encode())


def carriers_to(
    register: FileRegister,
    *,
    server: MailServer | None,
    sender: str,
    now: Callable[[], datetime],
) -> tuple[Carrier, ...]:
    """Return who brings notices to the recipients of a register.

    Args:
        register: The register.
        server: Where mail is handed over; None if there is no such server.
        sender: Address of the controller.
        now: The clock.

    Raises:
        SettingsError: A recipient wants mail, and there is no server.
    """

    def carrier(channel: str, way: Way) -> Carrier:
        if way.secret is not None:
            hook = WebhookCarrier(url=way.url, secret=way.secret, now=now)
            return PostedNotice(channel=channel, webhook=hook)
        if server is None:
            raise SettingsError(variable="UNLEARN_MAIL__HOST")
        return MailedNotice(
            channel=channel,
            server=server,
            sender=sender,
            to=way.email,
            language=way.language,
        )

    return tuple(
        carrier(item.channel, register.ways[item.name])
        for item in register.recipients
        if item.name in register.ways
    )


def _notice(message: Message) -> Notice:
    if message.notice is None:
        raise MessageRefusedError(reason="no_notice")
    return message.notice
