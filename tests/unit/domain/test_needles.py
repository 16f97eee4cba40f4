import re
from collections.abc import Iterable

from support.sources import subject

from unlearn_core.domain.needles import FEW_NUMBERS, Found, Needles
from unlearn_core.domain.sources import Spelling
from unlearn_core.domain.subjects import IdentifierKind

KIND = IdentifierKind
PEOPLE = (
    subject(name="Ada Example", customer_number="C-1001", email="a.d@gmail.com"),
    subject(name="Ada Li", customer_number="K-54321", phone="0731 555010"),
    subject(name="Ada Example", email="o/x@y.example", handle="ada"),
)
NEEDLES = Needles(PEOPLE)


def kinds(found: Iterable[Found]) -> set[tuple[int, IdentifierKind]]:
    """Return who was found by what."""
    return {(person, kind) for person, kind, _ in found}


def test_namesakes_are_all_found() -> None:
    assert list(NEEDLES.in_column(KIND.NAME, "Example, Ada")) == [
        (0, KIND.NAME, Spelling.ORDER),
        (2, KIND.NAME, Spelling.ORDER),
    ]


def test_a_column_is_compared_by_its_kind() -> None:
    assert kinds(NEEDLES.in_column(KIND.CUSTOMER_NUMBER, "c1001")) == {
        (0, KIND.CUSTOMER_NUMBER)
    }
    assert kinds(NEEDLES.in_column(KIND.EMAIL, "AD <ad@googlemail.com>")) == {
        (0, KIND.EMAIL)
    }
    assert kinds(NEEDLES.in_column(KIND.PHONE, "+49 731-555010")) == {(1, KIND.PHONE)}
    assert kinds(NEEDLES.in_column(KIND.HANDLE, " @Ada")) == {(2, KIND.HANDLE)}
    assert kinds(NEEDLES.in_column(KIND.EMAIL, "O/X@y.example")) == {(2, KIND.EMAIL)}
    assert not kinds(NEEDLES.in_column(KIND.NAME, "C-1001"))


def test_a_part_of_an_odd_address_is_somebody_elses_mailbox() -> None:
    assert kinds(NEEDLES.in_text("mail (o/x@y.example)!")) == {(2, KIND.EMAIL)}
    assert not kinds(NEEDLES.in_text("mail x@y.example"))
    assert not kinds(NEEDLES.in_column(KIND.EMAIL, "x@y.example"))


def test_a_short_handle_is_found_in_text_behind_its_sign_only() -> None:
    assert kinds(NEEDLES.in_text("hello @ada.")) == {(2, KIND.HANDLE)}
    assert not kinds(NEEDLES.in_text("hello ada."))


def test_a_name_in_two_columns_is_whole_values() -> None:
    assert kinds(NEEDLES.in_parts(["x", "Ada", "Li", "y"])) == {(1, KIND.NAME)}
    assert not kinds(NEEDLES.in_parts(["by Ada", "Li"]))
    assert not kinds(NEEDLES.in_parts(["A.", "Li"]))


def test_a_surname_is_one_probe_however_many_have_it() -> None:
    (example,) = [probe for probe in NEEDLES.probes() if probe.word == b"example"]
    assert example.is_confirmed(b"EXAMPLE was met by Ada")
    assert example.is_confirmed(b"a. example")
    assert not example.is_confirmed(b"an example")


def crowd(count: int) -> Needles:
    """Return what is looked for if many more have a number."""
    more = (
        subject(name="Bo Probe", customer_number=f"X-{70_000 + at}")
        for at in range(count)
    )
    return Needles((*PEOPLE, *more))


def test_long_numbers_are_probes_by_their_last_digits() -> None:
    needles = crowd(FEW_NUMBERS)
    assert {number for number in needles.numbers() if number[0] == "k"} == {"k54321"}
    probes = {probe.pattern: probe for probe in needles.probes()}
    assert probes[b"54321"].numbers == {b"k54321"}
    assert probes[b"54321"].is_confirmed(b'{"id": "K-543 21"}')
    assert not probes[b"54321"].is_confirmed(b'{"id": "C-54321"}')
    # With and without its prefixes, one telephone number is one probe.
    assert {b"0731555010", b"49731555010"} < probes[b"555010"].numbers
    assert any(pattern.startswith(b"c[") for pattern in probes)


def test_few_numbers_are_probes_whatever_separates_their_digits() -> None:
    # Two of its own, and a telephone number whose forms end alike.
    needles = crowd(FEW_NUMBERS - 2)
    assert not needles.numbers()
    (probe,) = (probe for probe in needles.probes() if b"k54321" in probe.numbers)
    assert re.search(probe.pattern, b"k 5 4/3-21")
    assert not re.search(probe.pattern, b"k 5 4/3a21")
    assert crowd(FEW_NUMBERS - 1).numbers()


def test_a_short_word_has_to_begin_on_its_own() -> None:
    patterns = {probe.word: probe.pattern for probe in NEEDLES.probes()}
    assert re.search(patterns[b"ada"], b"@ada")
    assert not re.search(patterns[b"ada"], b"canada")
    assert patterns[b"example"] == b"example"
