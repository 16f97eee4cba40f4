"""E-mail: an mbox file or a Maildir folder; one record a message.

A record has the columns ``message_id``, ``from``, ``from_name``, ``from_address``,
``to``, ``cc``, ``reply_to``, ``subject``, ``date``, ``addresses`` (of other headers,
and the headers of messages inside), ``attachments`` (names of files) and ``text``
(every part that is text). Other parts are not searched. A message without an id gets
one from its bytes.
"""

import email
import email.policy
import hashlib
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import IO

from unlearn_core.adapters.connectors.file_sources import FilesConnector
from unlearn_core.adapters.connectors.files import LocalFiles
from unlearn_core.adapters.connectors.formats import FileFormat, Piece, PieceFormat
from unlearn_core.adapters.connectors.mail_redaction import redacted_message
from unlearn_core.adapters.connectors.redaction import Redactor
from unlearn_core.adapters.connectors.specification import Row, SourceSpec
from unlearn_core.errors import SourceUnreadableError

_SHOWN = ("from", "to", "cc", "reply-to", "subject")
_ADDRESSED = (
    "sender",
    "bcc",
    "return-path",
    "delivered-to",
    "envelope-to",
    "x-original-to",
    "resent-from",
    "resent-to",
    "resent-cc",
)

_APART = re.compile(r"[\s<>]+")
"""What stands between addresses; expressions of them cost the square of a header."""

MAILDIR_FOLDERS = frozenset({"cur", "new"})
_BEGIN = b"From "

_MALFORMED = (ValueError, LookupError, AttributeError, TypeError, RecursionError)
"""What malformed headers raise; the parser promises little about it."""


class Mbox(PieceFormat):
    """Messages that begin with a line ``From ...`` after a blank one."""

    suffixes: tuple[str, ...] = (".mbox",)

    def pieces(self, file: IO[bytes]) -> Iterator[Piece]:
        """Split before every line that begins a message."""
        lines: list[bytes] = []
        for line in file:
            is_after_blank = not lines or not lines[-1].strip()
            if line.startswith(_BEGIN) and is_after_blank and lines:
                yield _mbox_piece(lines)
                lines = []
            lines.append(line)
        if lines:
            yield _mbox_piece(lines)

    def redacted(self, raw: bytes, row: Row, redactor: Redactor) -> bytes:
        """Return a message with the line before it and the blank one behind."""
        begin, _, message = raw.partition(b"\n")
        envelope = redactor.text(begin.decode("utf-8", "surrogateescape"))
        after = _redacted(self._spec, message, row, redactor, is_in_mbox=True)
        end = b"\n" if raw.endswith(b"\n\n") and not after.endswith(b"\n\n") else b""
        return envelope.encode("utf-8", "surrogateescape") + b"\n" + after + end


class SingleMessage(PieceFormat):
    """A file that is one message, as in a Maildir; it is never compressed."""

    is_one_record: bool = True

    def pieces(self, file: IO[bytes]) -> Iterator[Piece]:
        """Yield the message."""
        raw = file.read()
        yield Piece(raw=raw, row=message_row(raw))

    def redacted(self, raw: bytes, row: Row, redactor: Redactor) -> bytes:
        """Return the message."""
        return _redacted(self._spec, raw, row, redactor, is_in_mbox=False)


class MailConnector(FilesConnector):
    """Reads and erases messages of an mbox file, a Maildir or a folder of either."""

    def __init__(self, spec: SourceSpec) -> None:
        mbox, single = Mbox(spec), SingleMessage(spec)

        def form_of(name: str) -> FileFormat | None:
            if Path(name).parent.name in MAILDIR_FOLDERS:
                return single
            is_named = name == spec.location
            return mbox if is_named or name.endswith(mbox.suffixes) else None

        files = LocalFiles(spec.name, Path(spec.location), mark="cur")
        super().__init__(spec, files=files, form_of=form_of)


def message_row(raw: bytes) -> Row | None:
    """Return the columns of a message, or None if it is none."""
    try:
        message = email.message_from_bytes(raw, policy=email.policy.default)
        if not message.keys():
            return None
        sender = str(message["from"] or "")
        name, address = parseaddr(sender)
        parts = [part for part in message.walk() if not part.is_multipart()]
        return {
            "message_id": _identifier(message, raw),
            "from": sender,
            "from_name": name,
            "from_address": address,
            "to": str(message["to"] or ""),
            "cc": str(message["cc"] or ""),
            "reply_to": str(message["reply-to"] or ""),
            "subject": str(message["subject"] or ""),
            "date": str(message["date"] or ""),
            "addresses": "\n".join(_addresses(message)),
            "attachments": " ".join(part.get_filename() or "" for part in parts),
            "text": "\n".join(map(_text, parts)).strip(),
        }
    except _MALFORMED:
        return None


def _redacted(
    spec: SourceSpec, raw: bytes, row: Row, redactor: Redactor, *, is_in_mbox: bool
) -> bytes:
    """Return a redacted message that is found again by its identifier.

    Raises:
        SourceUnreadableError: It cannot be written so.
    """
    try:
        after = redacted_message(raw, row, redactor, is_in_mbox=is_in_mbox)
    except _MALFORMED:
        after = b""
    said = message_row(after)
    if said is None or said["message_id"] != row["message_id"]:
        raise SourceUnreadableError(source=spec.name, problem="cannot be written anew")
    return after


def _mbox_piece(lines: list[bytes]) -> Piece:
    raw = b"".join(lines)
    is_message = lines[0].startswith(_BEGIN)
    message = b"".join(lines[1:])
    return Piece(raw=raw, row=message_row(message) if is_message else None)


def _identifier(message: EmailMessage, raw: bytes) -> str:
    stated = str(message["message-id"] or "").strip()
    return stated or "sha256:" + hashlib.sha256(raw).hexdigest()


def _addresses(message: EmailMessage) -> Iterator[str]:
    """Yield what headers say of people that are in no column of their own."""
    for part in message.walk():
        shown = set(_SHOWN) if part is message else set()
        for name, value in _headers(part):
            if name.lower() in shown:
                shown.discard(name.lower())  # the first one has a column
            elif name.lower() in (*_SHOWN, *_ADDRESSED):
                yield value
            elif name.lower() != "message-id":
                words = _APART.split(value)
                yield from (word for word in words if "@" in word[1:-1])


def _headers(part: EmailMessage) -> Iterator[tuple[str, str]]:
    """Yield every header; one that the parser cannot take, as it is written."""
    for name, written in part.raw_items():
        try:
            yield name, str(part.policy.header_fetch_parse(name, written))
        except _MALFORMED:
            raw = str(written).encode(errors="surrogateescape")
            yield name, raw.decode(errors="replace")


def _text(part: EmailMessage) -> str:
    if part.get_content_maintype() != "text":
        return ""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    charset = part.get_content_charset("utf-8")
    try:
        return payload.decode(charset, "replace")
    except LookupError:
        return payload.decode("utf-8", "replace")
