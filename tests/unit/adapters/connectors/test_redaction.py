import pytest
from support.sources import source_spec, subject

from unlearn_core.adapters.connectors.redaction import Redactor

ADA = subject(
    name="Zoë Muster",
    email="zoe.muster@post.example",
    phone="+49 170 1234567",
    handle="@zoe_m",
    customer_number="C-1001",
)


def redactor() -> Redactor:
    return Redactor(ADA, source_spec())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nobody is named here.", "Nobody is named here."),
        ("Ask Zoë Muster, please.", "Ask [redacted], please."),
        ("MUSTER, zoe was here", "[redacted] was here"),
        ("Zoe\u0308 Muster's dog", "[redacted]'s dog"),
        ("Z. Muster and Ben Muster", "[redacted] and Ben [redacted]"),
        ("Write to <Zoe.Muster+tag@post.example>.", "Write to <[redacted]>."),
        ("x.zoe.muster@post.example", "x.zoe.muster@post.example"),
        ("call 0170-123 45 67 now", "call [redacted] now"),
        ("call (+49) 170 1234567", "call (+49) [redacted]"),
        ("by @zoe_m (C 1001)", "by [redacted] ([redacted])"),
        ("Zoe Muster\nZoe Muster", "[redacted]\n[redacted]"),
        ("Dear Zoë, Frau Muster", "Dear [redacted], Frau [redacted]"),
        ("no muster without a capital", "no muster without a capital"),
        ("", ""),
    ],
)
def test_the_shortest_words_that_identify_are_replaced(
    text: str, expected: str
) -> None:
    assert redactor().text(text) == expected
    assert redactor().text(expected) == expected


def test_columns_lose_their_value_and_what_names_a_record_stays() -> None:
    row = {
        "id": "zoe.muster@post.example",
        "name": "zoe muster",
        "customer": 1002,
        "first": "Zoe",
        "last": "Muster",
        "tags": ["Zoë Muster", {"by": "Ben Example and Zoë Muster"}],
        "count": 3,
        "empty": None,
    }
    assert redactor().redact(row) == {
        "id": "zoe.muster@post.example",
        "name": "[redacted]",
        "customer": 1002,
        "first": "[redacted]",
        "last": "[redacted]",
        "tags": ["[redacted]", {"by": "Ben Example and [redacted]"}],
        "count": 3,
        "empty": None,
    }


def test_a_number_that_identifies_becomes_nothing() -> None:
    one = subject(name="Ada Example", customer_number="1001")
    row = {"id": "1", "customer": 1001}
    assert Redactor(one, source_spec()).redact(row) == {"id": "1", "customer": None}


def test_a_mark_that_reads_like_an_identifier_is_another_one() -> None:
    one = subject(name="Ada Example", handle="redacted")
    found = Redactor(one, source_spec()).text("Ada Example is @redacted or redacted.")
    assert found == "[...] is [...] or [...]."


def test_a_stranger_keeps_everything() -> None:
    row = {"id": "2", "name": "Ben Example", "text": "Ben, C-1002, +49 170 7654321"}
    assert redactor().redact(row) == row
