"""Redaction of one e-mail: every header, names of files, and every part that is text.

Parts that are not text are not searched and stay as they are. A message keeps its
identifier; one that had none gets the one that was made from its bytes, so that it is
found again.
"""

import email
import email.policy
from email.message import EmailMessage

from unlearn_core.adapters.connectors.redaction import Redactor
from unlearn_core.adapters.connectors.specification import Row

_PARTS_OF_FROM = ("from_name", "from_address")
_NAMES = (("content-disposition", "filename"), ("content-type", "name"))


def redacted_message(
    raw: bytes, row: Row, redactor: Redactor, *, is_in_mbox: bool
) -> bytes:
    """Return the bytes of a message without a person's identifiers.

    Args:
        raw: The message.
        row: Its columns.
        redactor: Whose identifiers go.
        is_in_mbox: Lines of text that begin like a message are escaped.
    """
    message = email.message_from_bytes(raw, policy=email.policy.default)
    columns = redactor.redact(row)
    for part in message.walk():
        own = columns if part is message else {}
        _redact_headers(part, row, own, redactor)
        _redact_file_name(part, redactor)
        if part.get_content_maintype() == "text":
            _redact_text(part, redactor)
    if "message-id" not in message:
        message.set_raw("Message-ID", str(row["message_id"]))
    end = "\r\n" if b"\r\n" in raw else "\n"
    return message.as_bytes(
        policy=email.policy.default.clone(linesep=end, mangle_from_=is_in_mbox)
    )


def _redact_headers(
    part: EmailMessage, row: Row, columns: Row, redactor: Redactor
) -> None:
    """Redact headers in their order; one without identifiers keeps its bytes."""
    stored = list(part.raw_items())
    said = [str(value) for value in part.values()]
    for name in set(part.keys()):
        del part[name]
    for (name, value), text in zip(stored, said, strict=True):
        after = _header(name.lower(), text, row, columns, redactor)
        if after == text or name.lower() == "message-id":
            part.set_raw(name, value)
        else:
            part.set_raw(*part.policy.header_store_parse(name, after))


def _header(name: str, text: str, row: Row, columns: Row, redactor: Redactor) -> str:
    # A header that is there twice has only its first value among the columns.
    is_column = columns and row.get(name) == text
    after = redactor.text(str(columns[name]) if is_column else text)
    for column in _PARTS_OF_FROM if name == "from" and columns else ():
        if columns[column] != row[column]:
            after = after.replace(str(row[column]), str(columns[column]))
    return after


def _redact_file_name(part: EmailMessage, redactor: Redactor) -> None:
    name = part.get_filename()
    if name is None or (after := redactor.text(name)) == name:
        return
    for header, parameter in _NAMES:
        if part.get_param(parameter, header=header) is not None:
            part.set_param(parameter, after, header=header, replace=True)


def _redact_text(part: EmailMessage, redactor: Redactor) -> None:
    # Malformed parts have no text; nothing was found in them either.
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return
    try:
        text = payload.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        text = payload.decode("utf-8", "replace")
    if (after := redactor.text(text)) != text:
        part.set_content(
            after,
            subtype=part.get_content_subtype(),
            disposition=part.get_content_disposition(),
            filename=part.get_filename(),
        )
