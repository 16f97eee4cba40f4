"""Import: many requests from one table, whole or not at all, and never twice.

- The whole table is read before anything is taken in; one wrong line refuses it all.
  Wrong lines are named by their number, never by what they say.
- Each line has a reference of the sender's. What was cut off in between is imported
  again as it is: lines that are known already lead to the requests that they made.
- The legal clock of a line starts when the controller received it, if that is said.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.grounds import GROUND, read_ground
from unlearn_core.domain.requests import Channel, ErasureRequest
from unlearn_core.domain.subjects import IdentifierKind, parse_subject
from unlearn_core.errors import InvalidIdentifierError, RequestError
from unlearn_core.privacy import Personal
from unlearn_core.steps.receive_request import (
    FrontDesk,
    ReferenceTakenError,
    Submission,
    checked_contact,
    checked_evidence,
    find_earlier,
    receive_request,
)

REFERENCE, RECEIVED = "reference", "received_at"
CONTACT, TOKEN = "contact", "identity_token"
KINDS = tuple(kind.value for kind in IdentifierKind)
COLUMNS = (REFERENCE, *KINDS, CONTACT, TOKEN, RECEIVED, GROUND)
BETWEEN_VALUES = "|"
MAXIMUM_BYTES = 50_000_000
MAXIMUM_LINES = 100_000
MAXIMUM_REFERENCE_CHARACTERS = 200
NAMED_LINES = 20
"""Most wrong lines that an error names."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Nothing was received before; years that were mistyped are found by it."""


class ImportRefusedError(RequestError):
    """A table cannot be imported; nothing of it was."""

    code = "import_refused"
    summary = "the table cannot be imported, so nothing of it was"
    next_step = "Correct the named lines, and import the whole table again."


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportLine:
    """One request of a table.

    Attributes:
        number: Line of the table that it begins on, from 1.
        submission: What is submitted.
    """

    number: int
    submission: Submission


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a line.

    Attributes:
        number: Its number.
        request: The request; None if it would be made.
        is_new: Whether it was, or would be, made by this import.
    """

    number: int
    request: ErasureRequest | None
    is_new: bool

    def to_json(self) -> dict[str, JsonValue]:
        """Return what is shown of it."""
        request = self.request
        return {
            "line": self.number,
            "is_new": self.is_new,
            "request_id": str(request.request_id) if request else None,
            "due_on": request.deadline.due_on.isoformat() if request else None,
        }


def read_lines(
    table: bytes, *, now: datetime, submitted_by: str = "", entered_by: str = ""
) -> tuple[ImportLine, ...]:
    """Return the requests of a table in CSV (RFC 4180, UTF-8), all of them or none.

    Args:
        table: The table, with a line of column names.
        now: The present moment; nothing is received later.
        submitted_by: Pseudonym of whoever imports it.
        entered_by: Their name, if it is known.

    Raises:
        ImportRefusedError: It is no such table, or lines of it are wrong; their numbers
            and kinds of fault are named.
    """
    if len(table) > MAXIMUM_BYTES:
        raise ImportRefusedError(problem="too large", maximum_bytes=MAXIMUM_BYTES)
    lines: list[ImportLine] = []
    faults: list[str] = []
    seen: set[str] = set()
    for number, row in _rows(table):
        try:
            submission = replace(
                _submission(row, now=now),
                submitted_by=submitted_by,
                entered_by=entered_by,
            )
            _check_new(row[REFERENCE], seen)
        except InvalidIdentifierError as error:
            what = "; ".join(f"{name} {fact}" for name, fact in error.facts.items())
            faults.append(f"{number} ({what})")
            continue
        lines.append(ImportLine(number=number, submission=submission))
    _check_faultless(faults)
    if not lines:
        raise ImportRefusedError(problem="no lines")
    return tuple(lines)


def preview_import(
    lines: Sequence[ImportLine], *, desk: FrontDesk
) -> tuple[Imported, ...]:
    """Return what an import would do; nothing is kept.

    Raises:
        ImportRefusedError: References were used for other people before.
    """
    found: list[Imported] = []
    faults: list[str] = []
    for line in lines:
        try:
            known = find_earlier(line.submission, desk=desk)
        except ReferenceTakenError:
            faults.append(f"{line.number} (kind {REFERENCE}; problem another person's)")
            continue
        found.append(Imported(number=line.number, request=known, is_new=known is None))
    _check_faultless(faults)
    return tuple(found)


def import_requests(
    lines: Sequence[ImportLine], *, desk: FrontDesk
) -> Iterator[Imported]:
    """Take in the requests of a table that are not known yet, one after another.

    Raises:
        ImportRefusedError: References were used for other people before; nothing was
            taken in.
        UnlearnError: Keys, database or store do not answer. What was taken in stays,
            and the same import goes on where it stopped.
    """
    known = {line.number: not line.is_new for line in preview_import(lines, desk=desk)}
    for line in lines:
        request = receive_request(line.submission, desk=desk)
        yield Imported(
            number=line.number, request=request, is_new=not known[line.number]
        )


def _rows(table: bytes) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield each line's number and fields, by column."""
    try:
        text = table.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ImportRefusedError(problem="not UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: list[str] | None = None
    before = 0
    try:
        for count, fields in enumerate(reader):
            number, before = before + 1, reader.line_num
            if count > MAXIMUM_LINES:
                raise ImportRefusedError(
                    problem="too many lines", maximum=MAXIMUM_LINES
                )
            if columns is None:
                columns = _columns(fields)
            elif fields:
                yield number, _named(columns, fields, number)
    except csv.Error:
        raise ImportRefusedError(problem="not CSV", line=before + 1) from None


def _columns(fields: Sequence[str]) -> list[str]:
    columns = [name.strip().lower() for name in fields]
    if len(set(columns)) < len(columns) or not set(columns) <= set(COLUMNS):
        raise ImportRefusedError(problem="columns", known="|".join(COLUMNS))
    if REFERENCE not in columns:
        raise ImportRefusedError(problem="columns", missing=REFERENCE)
    return columns


def _named(
    columns: Sequence[str], fields: Sequence[str], number: int
) -> Mapping[str, str]:
    if len(fields) != len(columns):
        raise ImportRefusedError(
            problem="fields", line=number, expected=len(columns), found=len(fields)
        )
    return {name: field.strip() for name, field in zip(columns, fields, strict=True)}


def _submission(row: Mapping[str, str], *, now: datetime) -> Submission:
    """Read one line; an error names a column and never what was in it."""
    reference, contact, token = row[REFERENCE], row.get(CONTACT), row.get(TOKEN)
    if not 0 < len(reference) <= MAXIMUM_REFERENCE_CHARACTERS:
        raise InvalidIdentifierError(kind=REFERENCE, problem="empty or too long")
    identifiers = {
        kind.value: [value.strip() for value in row[kind].split(BETWEEN_VALUES)]
        for kind in IdentifierKind
        if row.get(kind)
    }
    return Submission(
        subject=parse_subject(identifiers),
        evidence=checked_evidence(token),
        contact=checked_contact(contact),
        channel=Channel.IMPORT,
        reference=Personal(reference),
        received_at=_moment(row.get(RECEIVED), now=now),
        ground=read_ground(row.get(GROUND)),
    )


def _moment(text: str | None, *, now: datetime) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidIdentifierError(kind=RECEIVED, problem="not a moment") from None
    if moment.tzinfo is None:
        raise InvalidIdentifierError(kind=RECEIVED, problem="no time zone")
    if moment > now:
        raise InvalidIdentifierError(kind=RECEIVED, problem="in the future")
    if moment < EARLIEST:
        raise InvalidIdentifierError(kind=RECEIVED, problem="too long ago")
    return moment.astimezone(UTC)


def _check_faultless(faults: Sequence[str]) -> None:
    if faults:
        raise ImportRefusedError(
            wrong_lines=len(faults), lines=", ".join(faults[:NAMED_LINES])
        )


def _check_new(reference: str, seen: set[str]) -> None:
    if reference in seen:
        raise InvalidIdentifierError(kind=REFERENCE, problem="twice in the table")
    seen.add(reference)
