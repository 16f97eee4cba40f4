import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_core.privacy import Personal
from unlearn_core.verification.judge import states


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
