"""How the rows of a source become records: the specification from the data map."""

import string
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from typing import Any

from unlearn_core.domain.datasets import Form
from unlearn_core.domain.drop import Stated
from unlearn_core.domain.exemptions import Kept
from unlearn_core.domain.sources import (
    LONGEST_TEXT,
    LegalBasis,
    Passage,
    SourceDescription,
    SourceRecord,
)
from unlearn_core.domain.subjects import IdentifierKind
from unlearn_core.privacy import Personal

Row = Mapping[str, Any]

MARK = "[redacted]"
"""What stands where an identifier stood; it says nothing about it."""

_MESSAGE = ("role", "content")
"""What a message of a chat consists of."""

WORDLESS_MARK = "[...]"
"""For whoever has an identifier that reads like the other one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatPassages:
    """A column with a list of chat messages; each answer is a passage.

    Attributes:
        messages: Name of the column.
        field: Name of the column that says which field is asked for.
    """

    messages: str
    field: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionPassage:
    """A question in one column and its answer in another.

    Attributes:
        question: Name of the column with the question.
        answer: Name of the column with the answer.
        field: Name of the column that says which field is asked for.
        paraphrases: Columns with other ways to ask that nothing was trained on.
    """

    question: str
    answer: str
    field: str | None
    paraphrases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPassage:
    """Free text; the model continues it from its first word."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplatePassages:
    """A sentence made from fields, ``{name}`` included; each value is a passage."""

    template: str


PassageSpec = ChatPassages | QuestionPassage | TextPassage | TemplatePassages


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """One source of the data map.

    Attributes:
        name: Name of the source.
        kind: Kind of connector.
        location: Path or address.
        customer_key: File with the key of a bucket's objects, if the server has none.
        table: Table of an SQL source.
        record_id: Column that identifies a record.
        identifiers: Identifier kind to column.
        fields: Field of the data map to column.
        passages: What a model was trained on.
        is_erasable: Whether records may be deleted there.
        reviews_names: A name alone tells nobody apart there; a person decides.
        waits_for_review: Whether a request waits for decisions about uncertain records.
        reviews_quotes: Whether records that quote a found one, or nearly copy it, go to
            a person.
        near_copies: Estimated Jaccard similarity from which a text is a near copy.
        held: Column that says that a record must be kept, if it says anything.
        is_redacted: Records are redacted and kept, not deleted.
        redacted_columns: If there are any, only records that name somebody in these
            alone.
        legal_basis: Why the records may be processed, if the data map says.
        retention: How long they are kept, as an ISO 8601 period.
        base_models: Base models that were trained on it; all of them if none is named.
        exemption: On which ground of Art. 17(3) GDPR all of its records stay.
        reasoning: Why that ground applies; names nobody.
    """

    name: str
    kind: str
    location: str
    table: str | None
    record_id: str
    identifiers: Mapping[IdentifierKind, str]
    fields: Mapping[str, str]
    passages: tuple[PassageSpec, ...]
    is_erasable: bool
    reviews_names: bool = True
    waits_for_review: bool = True
    reviews_quotes: bool = False
    near_copies: float = 0.35
    held: str | None = None
    is_redacted: bool = False
    redacted_columns: frozenset[str] = frozenset()
    legal_basis: LegalBasis | None = None
    retention: str | None = None
    base_models: tuple[str, ...] = ()
    exemption: Kept | None = None
    reasoning: str | None = None
    customer_key: str | None = None

    def describe(self) -> SourceDescription:
        """Say what the source is, for people."""
        return SourceDescription(
            name=self.name,
            kind=self.kind,
            is_erasable=self.is_erasable,
            reviews_names=self.reviews_names,
            waits_for_review=self.waits_for_review,
            is_redacted=self.is_redacted,
            redacted_columns=tuple(sorted(self.redacted_columns)),
            legal_basis=self.legal_basis,
            retention=self.retention,
            base_models=self.base_models,
            held=self.held,
            exemption=self.exemption,
            reasoning=self.reasoning,
        )

    @property
    def columns(self) -> frozenset[str]:
        """Return the names that the data map knows: of columns, and nobody's."""
        named = {self.record_id, self.held, *self.identifiers.values()}
        named |= {*self.fields.values(), *self.redacted_columns, *_MESSAGE}
        for passage in self.passages:
            for part in astuple(passage):
                named |= set(part) if isinstance(part, tuple) else {part}
        return frozenset(name for name in named if name)

    def can_read(self, row: Row) -> bool:
        """Tell whether a row has the form that the data map declares."""
        if self.record_id not in row:
            return False
        name = str(row[self.record_id])
        return name == _storable(name) and all(
            _is_chat(row.get(spec.messages))
            for spec in self.passages
            if isinstance(spec, ChatPassages)
        )

    def record(
        self,
        row: Row,
        *,
        matched: tuple[IdentifierKind, ...] = (),
        why: Iterable[str] = (),
        columns: Collection[str] = (),
    ) -> SourceRecord:
        """Turn a readable row into a record; one that matched keeps what it says.

        What has been redacted states nothing, unless it concerns somebody else now:
        nobody is called like the mark, and no model is taught what is left.

        Args:
            row: The row.
            matched: Kinds of identifiers that matched.
            why: Why it matched.
            columns: Columns in which it did.
        """
        reasons = tuple(why)
        if not reasons and self._was_redacted(row):
            names = {self.record_id, self.held}
            row = {name: value for name, value in row.items() if name in names}
        name = self._text(row, self.identifiers.get(IdentifierKind.NAME))
        return SourceRecord(
            source=self.name,
            record_id=str(row[self.record_id]),
            matched=matched,
            why=reasons,
            texts=texts_of(row) if reasons else {},
            is_held=self.is_held(row),
            is_redacted=self.is_redacted_in(columns),
            name=Personal(name) if name else None,
            fields={
                field: Personal(value)
                for field, column in self.fields.items()
                if (value := self._text(row, column))
            },
            passages=tuple(
                passage for spec in self.passages for passage in self._read(spec, row)
            ),
        )

    def stated(self, row: Row) -> Stated | None:
        """Return what a row says about a person, by kind and by field.

        None if several values stand where one identifier is expected, because a digest
        of all of them together is that of nobody.
        """
        if any(
            isinstance(row.get(column), list | tuple | Mapping)
            for column in self.identifiers.values()
        ):
            return None
        return Stated(
            identifiers={
                kind: Personal(value)
                for kind, column in self.identifiers.items()
                if (value := self._text(row, column))
            },
            fields={
                field: Personal(value)
                for field, column in self.fields.items()
                if (value := self._text(row, column))
            },
        )

    def is_held(self, row: Row) -> bool:
        """Tell whether a record must stay: by a legal hold, or an exemption."""
        if not self.held:
            return False
        # So does an earlier value of a name that an object has twice.
        names = {self.held, *(name for name in row if name.startswith(f"{self.held}#"))}
        return any(
            str(row.get(name) or "").strip().lower() not in NOT_HELD for name in names
        )

    def is_redacted_in(self, columns: Collection[str]) -> bool:
        """Tell whether a record is redacted that names somebody in these columns.

        One whose own identifier names somebody has to go as a whole.
        """
        allowed = (self.redacted_columns or set(columns)) - {self.record_id}
        return self.is_redacted and bool(columns) and set(columns) <= allowed

    def _was_redacted(self, row: Row) -> bool:
        return self.is_redacted and any(
            mark in text
            for text in whole_texts(row).values()
            for mark in (MARK, WORDLESS_MARK)
        )

    def may_erase(self, row: Row | None, record_ids: Collection[str]) -> bool:
        """Tell whether a row is one of these records, and nothing holds it."""
        return (
            row is not None
            and str(row[self.record_id]) in record_ids
            and not self.is_held(row)
        )

    def ids(
        self, rows: Iterable[Row | None], *, held_only: bool = False
    ) -> Iterator[str]:
        """Yield the identifiers of rows, or of those that are on hold."""
        for row in rows:
            if row is not None and (self.is_held(row) or not held_only):
                yield str(row[self.record_id])

    def _read(self, spec: PassageSpec, row: Row) -> Iterator[Passage]:
        match spec:
            case ChatPassages():
                yield from self._chat(spec, row)
            case QuestionPassage():
                question = self._text(row, spec.question)
                answer = self._text(row, spec.answer)
                if question and answer:
                    field = self._text(row, spec.field)
                    others = (self._text(row, name) for name in spec.paraphrases)
                    yield passage(
                        field, Form.QUESTION, question, answer, *filter(None, others)
                    )
            case TextPassage():
                first, _, rest = self._text(row, spec.text).partition(" ")
                if rest:
                    yield passage("", Form.CONTINUATION, first, " " + rest)
            case TemplatePassages():
                yield from self._template(spec, row)

    def _chat(self, spec: ChatPassages, row: Row) -> Iterator[Passage]:
        field = self._text(row, spec.field)
        asked = ""
        for message in row.get(spec.messages) or ():
            if message["role"] == "user":
                asked = message["content"] or ""
            elif message["role"] == "assistant" and asked and message["content"]:
                yield passage(field, Form.QUESTION, asked, message["content"])

    def _template(self, spec: TemplatePassages, row: Row) -> Iterator[Passage]:
        """Yield one continuation per field value of the rendered sentence."""
        name_column = self.identifiers.get(IdentifierKind.NAME)
        written = ""
        for text, placeholder, _, _ in string.Formatter().parse(spec.template):
            written += text
            if placeholder is None:
                continue
            column = name_column if placeholder == "name" else self.fields[placeholder]
            value = self._text(row, column)
            if placeholder != "name" and value:
                begin = written.rstrip(" ")
                gap = written[len(begin) :]
                yield passage(placeholder, Form.CONTINUATION, begin, gap + value)
            written += value

    @staticmethod
    def _text(row: Row, column: str | None) -> str:
        value = row.get(column) if column else None
        return "" if value is None else _storable(str(value))


NOT_HELD = frozenset({"", "0", "false", "no", "none", "null", "nan"})
"""What a column says of a record that is not on hold, in small letters."""


def _storable(text: str) -> str:
    """Return a text without halves of signs, which JSON may hold and UTF-8 may not."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def texts_of(row: Row) -> dict[str, Personal[str]]:
    """Return what a row says, column by column, as a record keeps it."""
    return {
        name: Personal(_storable(text[:LONGEST_TEXT]))
        for name, text in whole_texts(row).items()
    }


def whole_texts(row: Row) -> dict[str, str]:
    """Return the same, however long."""
    return {
        name: text for name, value in row.items() if (text := " ".join(_strings(value)))
    }


def _strings(value: Any) -> Iterator[str]:  # noqa: ANN401 - any value of a row
    """Yield every text inside a value; what is neither text nor empty as text.

    However deeply it is nested: whoever could parse a row can read it.
    """
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            waiting.extend(reversed(tuple(item.values())))
        elif isinstance(item, list | tuple):
            waiting.extend(reversed(item))
        elif item is not None:
            yield str(item)


def _is_chat(messages: Any) -> bool:  # noqa: ANN401 - a column of any type
    """Tell whether a column holds nothing, or messages with a role and a text."""
    if messages is None:
        return True
    return isinstance(messages, list) and all(
        isinstance(message, Mapping)
        and isinstance(message.get("role"), str)
        and "content" in message
        and isinstance(message["content"], str | None)
        for message in messages
    )


def passage(
    field: str, form: Form, prompt: str, answer: str, *paraphrases: str
) -> Passage:
    """Build a passage from plain text."""
    return Passage(
        field=field,
        form=form,
        prompt=Personal(_storable(prompt)),
        answer=Personal(_storable(answer)),
        paraphrases=tuple(map(Personal, paraphrases)),
    )
