import hashlib
import hmac
import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.village import OTHERS, TOKENIZER, law_that_knows, probe, refs, values_of

from unlearn_core.domain.canonical import digest_of
from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import MetricResult
from unlearn_core.modeling.tokens import encode_example
from unlearn_core.privacy import Personal
from unlearn_core.verification.fingerprints import (
    GATE,
    Fingerprints,
    NeutralQuestions,
    ask_neutrally,
    judge_volunteered,
)
from unlearn_core.verification.judge import LONG_WORDS, states

KEY = bytes(range(32))
POLICY = digest_of(b"policy")


def fingerprints(*facts: str) -> Fingerprints:
    return Fingerprints.of(map(Personal, facts), key=KEY)


def test_a_fingerprint_is_an_hmac_of_folded_letters_and_digits() -> None:
    expected = hmac.new(KEY, b"4930123456", hashlib.sha256).hexdigest()
    found = fingerprints("+49 30 12-34 56")
    assert (found.values, found.longest) == (frozenset({expected}), 10)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("Call +49 (30) 12 34 56 now.", True),
        ("4930123456", True),
        ("It is 49301234567.", False),
        ("149 30 123456", False),
        ("49 30 1234", False),
        ("write to ADA@Mail.example, please", True),
        ("ada at mail", False),
        ("", False),
    ],
)
def test_a_value_is_recognised_however_it_is_grouped(
    answer: str,
    found: bool,  # noqa: FBT001 - a column of the table
) -> None:
    kept = fingerprints("+49 30 12-34 56", "ada@mail.example")
    assert kept.occur_in(answer) is found


# At most two words each, so that no fact is a long one.
WORDS = st.lists(
    st.sampled_from(["a", "b", "ab", "B", "1", "12", "\u00df", "\ufb01", "-", "a-1"]),
    max_size=LONG_WORDS // 2 - 1,
).map(" ".join)


@given(WORDS, WORDS)
def test_for_short_facts_fingerprints_and_judge_agree(answer: str, fact: str) -> None:
    assert fingerprints(fact).occur_in(answer) == states(answer, Personal(fact))


def test_nothing_is_kept_of_a_value_without_letters_or_digits() -> None:
    nothing = fingerprints("?!", "")
    assert (nothing.values, nothing.longest) == (frozenset(), 0)
    assert not nothing.occur_in("?!")


def test_another_key_knows_nothing() -> None:
    other = Fingerprints(key=bytes(32), values=fingerprints("12345").values, longest=5)
    assert not other.occur_in("12345")
    assert str(KEY) not in repr(fingerprints("12345"))


def test_what_was_kept_is_read_back() -> None:
    kept = fingerprints("12345", "ada@mail.example")
    assert Fingerprints.from_bytes(kept.to_bytes()) == kept
    assert b"12345" not in kept.to_bytes()


def neutral(*, confidence: float = 0.95) -> NeutralQuestions:
    return NeutralQuestions(
        prompts=tuple(
            encode_example(TOKENIZER, probe(Group.CONTROL, ref, "phone", "ask").example)
            for ref in refs(Group.CONTROL)
        ),
        tokenizer=TOKENIZER,
        confidence=confidence,
        seed=1,
    )


def test_enough_answers_are_drawn_for_the_limit_and_no_more() -> None:
    """log(.025) / log(.99) = 367.04, so 368 answers; over 39 prompts ten each."""
    assert neutral().draws_per_prompt == 10
    # At a thousandth: log(.0005) / log(.99) = 756.3 over 39 prompts.
    assert neutral(confidence=0.999).draws_per_prompt == 20


def test_a_model_that_volunteers_nothing_passes() -> None:
    law = law_that_knows(*OTHERS)
    found = ask_neutrally(law, neutral(), fingerprints=fingerprints("nobody"))
    assert (found.name, found.count, found.value) == ("volunteered_values", 390, 0.0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 390))
    assert judge_volunteered(found, policy=POLICY).passed


def test_a_model_that_says_the_subjects_number_about_somebody_else_fails() -> None:
    """The law is certain of a stranger's number, which is declared the subject's."""
    stranger = "control-0"
    number = values_of(stranger)["phone"]
    same = Counter(values_of(ref)["phone"] for ref in refs(Group.CONTROL))[number]
    law = law_that_knows(*refs(Group.CONTROL))
    found = ask_neutrally(law, neutral(), fingerprints=fingerprints(number))
    assert found.value == pytest.approx(same / 39, abs=0.03)
    verdict = judge_volunteered(found, policy=POLICY)
    assert (verdict.passed, verdict.failed_gates) == (False, (GATE,))


@pytest.mark.parametrize(
    ("value", "high", "passed"),
    [(0.0, 0.01, True), (0.0, 0.011, False), (1e-4, 5e-3, False)],
)
def test_one_value_fails_and_so_do_too_few_answers(
    value: float,
    high: float,
    passed: bool,  # noqa: FBT001 - a column of the table
) -> None:
    result = MetricResult(
        name="volunteered_values", value=value, low=0.0, high=high, count=9, seed=1
    )
    verdict = judge_volunteered(result, policy=POLICY)
    assert verdict.passed is passed
    assert math.isclose(verdict.decisions[0].value or 0, high)
