import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_core.domain import spelling
from unlearn_core.domain.sources import Spelling

PLAIN = (
    ("Ada EXAMPLE", "ada example"),
    ("Zo\u00eb", "zoe"),
    ("Zoe\u0308", "zoe"),
    ("\uff21\uff24\uff21", "ada"),
    ("Stra\u00dfe", "strasse"),
    ("S\u00f8ren \u0141uk \u00c6sir", "soren luk aesir"),
    ("so\u00adft\u200b", "soft"),
    ("\u0418\u0412\u0410\u041d", "\u0438\u0432\u0430\u043d"),
)


@pytest.mark.parametrize(("text", "plain"), PLAIN)
def test_spellings_of_one_text_share_a_skeleton(text: str, plain: str) -> None:
    assert spelling.skeleton(text) == plain


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_skeleton_is_made_sign_by_sign(first: str, second: str) -> None:
    """The sieve makes it of pieces."""
    joined = spelling.skeleton(first + second)
    assert joined == spelling.skeleton(first) + spelling.skeleton(second)


def test_a_name_may_be_turned_shortened_and_written_out() -> None:
    forms = spelling.name_forms("Ada Maria Muster")
    assert {
        how: sorted(" ".join(words) for words, found in forms.items() if found is how)
        for how in dict.fromkeys(forms.values())
    } == {
        Spelling.AS_WRITTEN: ["ada maria muster"],
        Spelling.ORDER: ["muster ada maria"],
        Spelling.SHORTENED: [
            "ada m muster",
            "ada muster",
            "muster ada",
            "muster ada m",
        ],
        Spelling.INITIALS: ["a m muster", "a muster", "muster a", "muster a m"],
    }


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Jo Mueller", "jo muller"),
        ("Jo M\u00fcller", "jo mueller"),
        ("Samuel Goethe", "samuel gothe"),
    ],
)
def test_a_written_out_umlaut_is_found_as_an_umlaut(name: str, written: str) -> None:
    forms = spelling.name_forms(name)
    assert forms[tuple(written.split())] is Spelling.TRANSLITERATED


def test_no_umlaut_is_seen_where_a_name_ends_in_el() -> None:
    assert ("samul", "muster") not in spelling.name_forms("Samuel Muster")


def test_a_name_does_not_reach_over_a_gap_or_an_address() -> None:
    text = "ada" + " " * 9 + "example; ada@example.org example"
    assert list(spelling.runs(text)) == [["ada"], ["example"], ["example"]]
    assert spelling.words("ada" + "." * 9 + "example") == ()


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("Ada+news@Example.ORG", "ada@example.org"),
        ("a.d.a@googlemail.com", "ada@gmail.com"),
        ("a.d.a@example.org", "a.d.a@example.org"),
    ],
)
def test_addresses_of_one_mailbox_are_one(address: str, mailbox: str) -> None:
    assert spelling.canonical_email(address) == mailbox


def test_addresses_are_found_inside_text() -> None:
    text = "'ada@example.org', <b.c+d@x-y.example>. to=e@f.example&g nobody@nowhere"
    assert list(spelling.addresses(text)) == [
        "ada@example.org",
        "b.c@x-y.example",
        "e@f.example",
    ]


@pytest.mark.parametrize(
    "written",
    ["+49 30 1234567", "0049 30 1234567", "030/123 45 67", "+49 (0)30 12-34-567"],
)
def test_a_number_is_one_however_it_is_dialled_and_grouped(written: str) -> None:
    forms = spelling.phone_forms("+49 30 1234567", region="DE")
    assert forms & set(spelling.numbers(f"tel. {written}, 12 Uhr"))


def test_another_number_is_another() -> None:
    forms = spelling.phone_forms("030 1234567", region="DE")
    assert not forms & set(spelling.numbers("+49 40 1234567, 030 12345678"))
    assert spelling.phone_forms("99", region="DE") == {
        prefix + "99" for prefix in ("", "0", "49", "490", "0049", "00490", "01149")
    }


def test_a_long_run_of_numbers_is_looked_through_in_pieces() -> None:
    text = " ".join(["12"] * 1000)
    assert set(map(len, spelling.numbers(text))) == {6, 8, 10, 12, 14}


def test_a_customer_number_has_separators_anywhere() -> None:
    assert spelling.number_forms("C-1001") == {("c", "1001"), ("c1001",)}
    assert spelling.number_forms("c1001") == {("c", "1001"), ("c1001",)}
    assert spelling.number_forms("K 47-11") == {
        ("k", "47", "11"),
        ("k4711",),
        ("k", "4711"),
    }
