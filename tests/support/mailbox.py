"""A mail server on this machine, and the mailboxes of everybody."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from socket import socket

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

HOST = "127.0.0.1"
CODE = re.compile(r"^ +(\d{8})\r?$", re.MULTILINE)


@dataclass
class Mailbox:
    """Keeps what is sent to anybody.

    Attributes:
        taken: Addresses with the messages that came for them.
    """

    taken: list[tuple[str, EmailMessage]] = field(default_factory=list)

    async def handle_DATA(  # noqa: N802 - the library's name
        self, _server: object, _session: object, envelope: Envelope
    ) -> str:
        """Take a message."""
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.taken.extend((address, mail) for address in envelope.rcpt_tos)
        return "250 OK"

    def wait_for_code(self, address: str, *, seconds: float) -> str:
        """Return the latest code that was sent to an address."""
        deadline = time.monotonic() + seconds
        while True:
            found: list[str] = [
                code
                for to, mail in self.taken
                if to == address
                for code in CODE.findall(mail.get_content())
            ]
            if found:
                return found[-1]
            assert time.monotonic() < deadline, "no code came"
            time.sleep(0.2)


@contextmanager
def open_mailbox() -> Iterator[tuple[Mailbox, int]]:
    """Run a mail server on a free port; give what it keeps, and its port."""
    with socket() as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname=HOST, port=port)
    controller.start()
    try:
        yield mailbox, port
    finally:
        controller.stop()
