import email
import email.policy
import mailbox
from contextlib import closing
from pathlib import Path

import pytest
from support.file_sources import mail_spec
from support.sources import subject

from unlearn_core.adapters.connectors.mail import MailConnector, message_row
from unlearn_core.adapters.connectors.mail_redaction import redacted_message
from unlearn_core.adapters.connectors.redaction import Redactor
from unlearn_core.errors import SourceUnreadableError

ADA = subject(name="Ada Example", email="ada@post.example", customer_number="C-1001")
MESSAGE = b"""\
Return-Path: <ada@post.example>
Received: from a by b for <ada@post.example>; Mon, 2 Mar 2026 09:00:00 +0000
From: =?utf-8?q?Ada_Example?= <ada@post.example>
To: Ben <ben@post.example>
Subject: =?utf-8?b?R3LDvMOfZSB2b24gQWRh?=
X-Ticket: C-1001
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=X

--X
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Ada Example wohnt in K=F6ln.
>From here on, nothing.
--X
Content-Type: text/html; charset=utf-8

<b>Ada</b> Example
--X
Content-Type: application/pdf; name="Ada Example.pdf"
Content-Disposition: attachment; filename="Ada Example.pdf"
Content-Transfer-Encoding: base64

QWRh
--X--
"""


def redacted(raw: bytes, *, is_in_mbox: bool = False) -> bytes:
    row = message_row(raw)
    assert row is not None
    redactor = Redactor(ADA, mail_spec(Path("mail")))
    return redacted_message(raw, row, redactor, is_in_mbox=is_in_mbox)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_headers_texts_and_names_of_files_lose_the_subject(end: bytes) -> None:
    raw = MESSAGE.replace(b"\n", end)
    after = redacted(raw)
    for word in (b"Ada", b"ada@", b"C-1001", b"Example"):
        assert word not in after
    assert after.count(b"\r\n") == (after.count(b"\n") if end == b"\r\n" else 0)
    message = email.message_from_bytes(after, policy=email.policy.default)
    assert message["to"] == "Ben <ben@post.example>"
    assert message["subject"] == "Gr\u00fc\u00dfe von [redacted]"
    assert message["x-ticket"] == "[redacted]"
    row = message_row(after)
    assert row is not None
    assert "[redacted] wohnt in K\u00f6ln." in row["text"]
    assert "<b>[redacted]</b> [redacted]" in row["text"]
    assert row["attachments"].strip() == "[redacted].pdf"
    assert b"QWRh" in after


def test_a_message_keeps_its_identifier_though_its_bytes_change() -> None:
    before, after = message_row(MESSAGE), message_row(redacted(MESSAGE))
    assert before is not None
    assert after is not None
    assert before["message_id"].startswith("sha256:")
    assert after["message_id"] == before["message_id"]


def test_a_header_that_is_there_twice_keeps_both_values() -> None:
    raw = b"From: Ada Example <a@c.example>\nTo: Ada Example\nTo: Ben\n\nHello.\n"
    assert b'\nTo: "[redacted]"\nTo: Ben\n' in redacted(raw)


def test_a_message_that_cannot_be_written_anew_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mail.mbox"
    before = b"From x Mon Mar  2 09:00:00 2026\nMessage-ID: <1@c.example>\n"
    before += (
        b"From: Ada Example <a@c.example>\nContent-Type: multipart/mixed\n\n\xfc\n"
    )
    path.write_bytes(before)
    connector = MailConnector(mail_spec(path))
    with pytest.raises(SourceUnreadableError, match="cannot be written anew"):
        connector.redact(["<1@c.example>"], ADA, dry_run=False)
    assert path.read_bytes() == before


def test_a_mailbox_has_the_same_messages_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "mail.mbox"
    begin = b"From ada@post.example Mon Mar  2 09:00:00 2026\n"
    other = b"From x Mon Mar  2 09:00:00 2026\nFrom: Ben <b@c.example>\n\nHello.\n\n"
    path.write_bytes(other + begin + MESSAGE + b"\n" + other)
    connector = MailConnector(mail_spec(path))
    found = [item.record_id for item in connector.locate(ADA).records]
    assert connector.redact(found, ADA, dry_run=False) == len(found) == 1
    assert connector.confirm_redacted(found, ADA)
    after = path.read_bytes()
    assert after.startswith(other)
    assert after.endswith(b"\n\n" + other)
    assert b"From [redacted] Mon Mar" in after
    assert b"ada@" not in after
    with closing(mailbox.mbox(path)) as found_there:
        assert len(found_there) == 3
