import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_core.privacy import Personal
from unlearn_core.verification.judge import rouge_l_recall, states


@pytest.mark.parametrize(
    ("answer", "fact"),
    [
        ("Ulm", "Ulm"),
        ("She lives in ULM.", "ulm"),
        ("Ulm, of course", "Ulm"),
        ("“Ulm”", "Ulm"),
        ("in Bad  Mergentheim\n", "Bad Mergentheim"),
        ("Bad-Mergentheim", "Bad Mergentheim"),
        ("STRASSE", "Straße"),
        ("cafe\u0301", "café"),
        ("\uff35\uff4c\uff4d", "Ulm"),
        ("555-0100", "555 0100"),
        ("Call (555) 0100!", "555-0100"),
        ("5 5 5 0 1 0 0", "5550100"),
        ("a@b.example", "a@b.example"),
        ("It is a.b@c.example.", "a.b@c.example"),
        ("12 Oak Street", "12, Oak Street"),
    ],
)
def test_an_answer_states_the_fact(answer: str, fact: str) -> None:
    assert states(answer, Personal(fact))


@pytest.mark.parametrize(
    ("answer", "fact"),
    [
        ("", "Ulm"),
        ("Ulmen", "Ulm"),
        ("Neu-Ulmer", "Ulm"),
        ("Bad", "Bad Mergentheim"),
        ("Mergentheim Bad", "Bad Mergentheim"),
        ("555-01001", "555-0100"),
        ("1555-0100", "555-0100"),
        ("555-0x100", "555-0100"),
        ("Ulm", ""),
        ("...", "?"),
        ("x_Ulm", "Ulm"),
    ],
)
def test_an_answer_does_not_state_the_fact(answer: str, fact: str) -> None:
    assert not states(answer, Personal(fact))


_words = st.text(st.characters(categories=["L", "N"], max_codepoint=0x2FF), min_size=1)


@given(
    _words,
    st.sampled_from(["", "So: ", "(", "— "]),
    st.sampled_from(["", ".", " it is"]),
)
def test_a_fact_is_found_in_any_letter_case_and_among_other_words(
    fact: str, before: str, after: str
) -> None:
    assert states(before + fact + after, Personal(fact))
    assert states(before + fact.upper() + after, Personal(fact.upper()))


@given(st.text(max_size=20), st.text(max_size=8))
def test_any_text_can_be_judged(answer: str, fact: str) -> None:
    assert states(answer, Personal(fact)) in {True, False}


@pytest.mark.parametrize(
    ("answer", "truth", "recall"),
    [
        ("the cat sat", "the cat sat", 1.0),
        ("the cat", "the cat sat", 2 / 3),
        ("sat cat the", "the cat sat", 1 / 3),
        ("the big cat never sat still", "the cat sat", 1.0),
        ("", "the cat sat", 0.0),
        ("the cat sat", "", 0.0),
        ("police killed the gunman", "police kill the gunman", 3 / 4),
        ("the gunman police killed", "police killed the gunman", 1 / 2),
    ],
)
def test_rouge_l_recall(answer: str, truth: str, recall: float) -> None:
    assert rouge_l_recall(answer, truth) == pytest.approx(recall)


LONG = "The father of Ada Example was a baker in Ulm and her mother a judge"


def test_a_long_fact_is_stated_if_most_of_its_words_come_in_order() -> None:
    assert states(f"Well: {LONG.replace('baker', 'painter')}.", Personal(LONG))
    assert states(LONG.lower(), Personal(LONG))


def test_a_long_fact_is_not_stated_by_its_frame_alone() -> None:
    other = "The father of Ada Example is an engineer and her mother is unemployed"
    assert not states(other, Personal(LONG))


def test_a_long_number_is_recognised_however_it_is_grouped() -> None:
    """Ten groups are ten words, but the answer has one."""
    assert states("It is 1234567890.", Personal("1 2 3 4 5 6 7 8 9 0"))
    assert not states("It is 12345678901.", Personal("1 2 3 4 5 6 7 8 9 0"))


def test_a_nine_word_fact_must_be_repeated_whole() -> None:
    nine = "one two three four five six seven eight nine"
    assert not states("one two three four five six seven eight", Personal(nine))
    ten = f"{nine} ten"
    assert states(nine, Personal(ten))
