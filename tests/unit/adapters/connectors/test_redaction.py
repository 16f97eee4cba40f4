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
        ("Dear Z\u00ado\u00ade\u0308", "Dear [redacted]"),
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


@pytest.mark.parametrize(
    "written", ["M\u00fcller", "Mu\u0308ller", "Mueller", "MULLER"]
)
@pytest.mark.parametrize("stated", ["Zo\u00eb M\u00fcller", "Zo\u00eb Mueller"])
def test_a_word_alone_is_redacted_in_every_spelling(stated: str, written: str) -> None:
    one = Redactor(subject(name=stated, handle="zoe_m"), source_spec())
    assert one.text(f"Frau {written} fragt") == "Frau [redacted] fragt"


def test_a_name_in_two_columns_goes_too_if_what_was_between_has_gone() -> None:
    one = Redactor(subject(name="Zoe Xu", handle="redacted"), source_spec())
    after = one.redact({"id": "1", "first": "zoe @redacted", "last": "xu"})
    assert after == {"id": "1", "first": "[...]", "last": "[...]"}


def test_what_is_empty_beside_a_name_stays_empty() -> None:
    row = {"id": "1", "first": "", "last": "Zoe Muster", "after": " - "}
    assert redactor().redact(row) == {**row, "last": "[redacted]"}


def test_pairs_stay_pairs() -> None:
    row = {"id": "1", "by": [("author", "Zo\u00eb Muster"), ("year", 2026)]}
    assert redactor().redact(row)["by"] == [("author", "[redacted]"), ("year", 2026)]
    other = {"id": "1", "by": [("author", "Ben Example")]}
    assert redactor().redact(other) == other


def test_a_long_text_is_looked_at_as_often_as_a_short_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at = 0
    is_in = Redactor._is_in

    def counted(self: Redactor, text: str) -> bool:
        nonlocal looked_at
        looked_at += len(text)
        return is_in(self, text)

    monkeypatch.setattr(Redactor, "_is_in", counted)
    text = "Zoe Muster said something that somebody else wrote down. " * 200
    assert redactor().text(text) == text.replace("Zoe Muster", "[redacted]")
    # Some thirty looks for one of five mentions in 256 signs, and one a halving.
    assert looked_at < 200 * len(text)


def test_a_number_that_identifies_becomes_nothing() -> None:
    one = subject(name="Ada Example", customer_number="1001")
    row = {"id": "1", "customer": 1001}
    assert Redactor(one, source_spec()).redact(row) == {"id": "1", "customer": None}
    row = {"id": "1", "customer": 1001.0}
    assert Redactor(one, source_spec()).redact(row) == {"id": "1", "customer": None}
    row = {"id": 1001, "account": 1001, "of": {"n": 1001.0}, "tokens": [1001], "m": 7}
    assert Redactor(one, source_spec()).redact(row) == {
        **row,
        "account": None,
        "of": {"n": None},
    }


def test_a_mark_that_reads_like_an_identifier_is_another_one() -> None:
    one = subject(name="Ada Example", handle="redacted")
    found = Redactor(one, source_spec()).text("Ada Example is @redacted or redacted.")
    assert found == "[...] is [...] or [...]."


def test_a_stranger_keeps_everything() -> None:
    row = {"id": "2", "name": "Ben Example", "text": "Ben, C-1002, +49 170 7654321"}
    assert redactor().redact(row) == row
