from dataclasses import replace

import pytest
from support.sources import source_spec

from unlearn_core.adapters.connectors.specification import (
    ChatPassages,
    PassageSpec,
    QuestionPassage,
    Row,
    TemplatePassages,
    TextPassage,
    whole_texts,
)
from unlearn_core.domain.datasets import Form
from unlearn_core.domain.subjects import IdentifierKind

ROW: Row = {"id": "r-1", "name": "Ada Example", "city": "Ulm", "topic": "city"}


def passages_of(spec: PassageSpec, row: Row) -> list[tuple[str, Form, str, str]]:
    """Return field, form, prompt and answer of every passage of a row."""
    record = source_spec(passages=[spec]).record(row)
    return [
        (item.field, item.form, item.prompt.reveal(), item.answer.reveal())
        for item in record.passages
    ]


def test_a_record_has_the_declared_parts_of_its_row() -> None:
    record = source_spec(passages=()).record(
        {"id": 7, "name": "Ada Example", "city": 89073, "secret": "not declared"},
        matched=(IdentifierKind.NAME,),
    )
    assert (record.source, record.record_id) == ("customers", "7")
    assert record.matched == (IdentifierKind.NAME,)
    assert {key: value.reveal() for key, value in record.fields.items()} == {
        "city": "89073"
    }


@pytest.mark.parametrize("missing", [{}, {"name": None, "city": None}, {"name": ""}])
def test_what_a_row_does_not_state_is_left_out(missing: Row) -> None:
    record = source_spec(passages=()).record({"id": "r-1", **missing})
    assert record.name is None
    assert record.fields == {}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            {**ROW, "q": "Where?", "a": "In Ulm"},
            [("city", Form.QUESTION, "Where?", "In Ulm")],
        ),
        ({**ROW, "q": "Where?", "a": None}, []),
        ({**ROW, "q": "", "a": "In Ulm"}, []),
        (ROW, []),
    ],
)
def test_a_question_needs_an_answer(
    row: Row, expected: list[tuple[str, Form, str, str]]
) -> None:
    spec = QuestionPassage(question="q", answer="a", field="topic")
    assert passages_of(spec, row) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada lives in Ulm.", [("", Form.CONTINUATION, "Ada", " lives in Ulm.")]),
        ("Ada", []),
        ("", []),
        (None, []),
    ],
)
def test_free_text_is_continued_from_its_first_word(
    text: str | None, expected: list[tuple[str, Form, str, str]]
) -> None:
    assert passages_of(TextPassage(text="t"), {**ROW, "t": text}) == expected


def test_every_answer_in_a_chat_belongs_to_the_question_before_it() -> None:
    chat = [
        {"role": "system", "content": "Be brief."},
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": "Where does Ada live?"},
        {"role": "assistant", "content": None},
        {"role": "assistant", "content": "In Ulm."},
        {"role": "user", "content": "Sure?"},
        {"role": "assistant", "content": "Yes."},
    ]
    spec = ChatPassages(messages="chat", field="topic")
    assert passages_of(spec, {**ROW, "chat": chat}) == [
        ("city", Form.QUESTION, "Where does Ada live?", "In Ulm."),
        ("city", Form.QUESTION, "Sure?", "Yes."),
    ]


@pytest.mark.parametrize("row", [ROW, {**ROW, "chat": None}, {**ROW, "chat": []}])
def test_a_row_without_a_chat_has_no_passages(row: Row) -> None:
    spec = ChatPassages(messages="chat", field=None)
    assert source_spec(passages=[spec]).can_read(row)
    assert passages_of(spec, row) == []


@pytest.mark.parametrize(
    "chat",
    [
        "a text",
        7,
        {"role": "user", "content": "not in a list"},
        ["a text"],
        [{"role": "user"}],
        [{"content": "no role"}],
        [{"role": None, "content": "no role"}],
        [{"role": "user", "content": [{"type": "image"}]}],
        [{"role": "user", "content": "good"}, None],
    ],
)
def test_a_row_with_something_else_for_a_chat_cannot_be_read(chat: object) -> None:
    spec = ChatPassages(messages="chat", field=None)
    assert not source_spec(passages=[spec]).can_read({**ROW, "chat": chat})


def test_a_row_without_a_record_id_cannot_be_read() -> None:
    assert not source_spec().can_read({"name": "Ada Example"})


def test_each_value_in_a_template_is_a_passage_of_its_own() -> None:
    spec = TemplatePassages(template="{name} lives in {city}. Yes, {city}!")
    assert passages_of(spec, ROW) == [
        ("city", Form.CONTINUATION, "Ada Example lives in", " Ulm"),
        ("city", Form.CONTINUATION, "Ada Example lives in Ulm. Yes,", " Ulm"),
    ]


def test_a_value_that_is_missing_leaves_a_gap_and_no_passage() -> None:
    spec = TemplatePassages(template="City: {city}")
    assert passages_of(spec, {"id": "r-1"}) == []
    assert passages_of(TemplatePassages(template="no values"), ROW) == []


@pytest.mark.parametrize(
    ("redacted", "columns", "expected"),
    [
        (frozenset(), {"name"}, True),
        (frozenset(), {"name", "note"}, True),
        (frozenset(), {"id", "note"}, False),
        (frozenset(), set(), False),
        (frozenset({"note"}), {"note"}, True),
        (frozenset({"note"}), {"name", "note"}, False),
        (frozenset({"id", "note"}), {"id", "note"}, False),
    ],
)
def test_a_record_is_redacted_by_where_it_names_somebody(
    redacted: frozenset[str], columns: set[str], *, expected: bool
) -> None:
    spec = replace(source_spec(), is_redacted=True, redacted_columns=redacted)
    assert spec.is_redacted_in(columns) is expected
    assert not source_spec().is_redacted_in(columns)


def test_what_was_redacted_states_nothing_unless_it_concerns_somebody_else() -> None:
    spec = replace(source_spec(passages=[TextPassage(text="text")]), is_redacted=True)
    row = {"id": "r-1", "name": "[redacted]", "city": "Ulm", "text": "Lives in Ulm"}
    sampled, found = spec.record(row), spec.record(row, why=("name in text",))
    assert (sampled.record_id, sampled.name) == ("r-1", None)
    assert not sampled.fields
    assert not sampled.passages
    assert found.fields
    assert found.passages
    assert replace(spec, is_redacted=False).record(row).fields


def test_texts_are_read_in_their_order_however_deeply_they_are_nested() -> None:
    value: object = "inmost"
    for _ in range(5000):
        value = ["before", {"first": value, "then": 7}, None, "after"]
    (text,) = whole_texts({"nested": value}).values()
    words = text.split()
    assert words[:5000] == ["before"] * 5000
    assert words[5000:] == ["inmost", *["7", "after"] * 5000]
