from dataclasses import replace
from typing import Any

import pytest
from support.questions import LIMITS, chat_question, text_question
from support.serving import byte_tokenizer

from unlearn_core.http_errors import ContextExceededError, UnsupportedParameterError

TOKENIZER = byte_tokenizer()


def test_a_text_is_continued_as_it_is_and_a_conversation_in_the_chat_form() -> None:
    assert TOKENIZER.decode(text_question().prompts[0]) == "Hello"
    user, assistant, end = (
        TOKENIZER.text(f"<|{x}|>") for x in ("user", "assistant", "end")
    )
    assert chat_question("Hi", "Yes?", "Bye").prompts[0] == [
        *user,
        *TOKENIZER.text("Hi"),
        *assistant,
        *TOKENIZER.text("Yes?"),
        *end,
        *user,
        *TOKENIZER.text("Bye"),
        *assistant,
    ]


@pytest.mark.parametrize(("length", "fits"), [(60, True), (61, False)])
def test_question_and_answer_must_fit_into_the_context(
    length: int, *, fits: bool
) -> None:
    changes = {"prompt": "x" * length, "max_tokens": 40}
    if fits:
        assert len(text_question(**changes).prompts[0]) == 60
    else:
        with pytest.raises(ContextExceededError, match="asked=101, maximum=100"):
            text_question(**changes)


def test_the_newer_name_of_the_limit_wins_over_the_older_one() -> None:
    question = chat_question(max_tokens=9, max_completion_tokens=7)
    assert question.sampling.maximum_tokens == 7
    assert chat_question(max_tokens=9).sampling.maximum_tokens == 9


@pytest.mark.parametrize(
    ("asked", "used"),
    [(0, 0.0), (1e-300, 0.0), (0.0009, 0.0), (0.001, 0.001), (2, 2.0)],
)
def test_a_temperature_too_low_to_sample_with_takes_the_likeliest(
    asked: float, used: float
) -> None:
    assert text_question(temperature=asked).sampling.temperature == used


def test_a_top_p_that_leaves_no_token_is_raised_until_it_leaves_one() -> None:
    assert text_question(top_p=1e-300).sampling.top_p == 1e-6
    assert text_question(top_p=0.5).sampling.top_p == 0.5


@pytest.mark.parametrize(("asked", "used"), [(5, 5), (2**31 + 5, 5), (-1, 2**31 - 1)])
def test_a_seed_of_any_size_is_brought_into_range(asked: int, used: int) -> None:
    assert text_question(seed=asked).seed == used


def test_without_a_seed_every_question_gets_its_own() -> None:
    assert len({text_question().seed for _ in range(8)}) > 1


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"logit_bias": {"5": 1}, "logprobs": True}, "logit_bias"),
        ({"logit_bias": {"260": 1}}, "logit_bias"),
        ({"top_logprobs": 6, "logprobs": True}, "top_logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"top_logprobs": 0, "logprobs": False}, "top_logprobs"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused_by_name(
    changes: dict[str, Any], parameter: str
) -> None:
    with pytest.raises(UnsupportedParameterError, match=f"parameter={parameter}"):
        chat_question(**changes)


@pytest.mark.parametrize(
    ("stop", "stops"),
    [(None, ()), ([], ()), ("a", ("a",)), (["a", "bc"], ("a", "bc"))],
)
def test_stop_texts_may_be_given_in_every_form_of_the_api(
    stop: object, stops: tuple[str, ...]
) -> None:
    assert text_question(stop=stop).stops == stops


HELLO = TOKENIZER.text("Hello")


@pytest.mark.parametrize(
    ("prompt", "read"),
    [
        (["Hello", "Hi"], [HELLO, TOKENIZER.text("Hi")]),
        (HELLO, [HELLO]),
        ([HELLO, [3]], [HELLO, [3]]),
    ],
)
def test_prompts_may_be_several_texts_or_token_ids(
    prompt: object, read: list[list[int]]
) -> None:
    assert text_question(prompt=prompt).prompts == read


@pytest.mark.parametrize("prompt", [[260], [[5], [260]]])
def test_a_prompt_of_a_token_that_does_not_exist_is_refused(prompt: object) -> None:
    with pytest.raises(UnsupportedParameterError, match="parameter=prompt"):
        text_question(prompt=prompt)


def test_the_longest_prompt_must_fit_into_the_context() -> None:
    with pytest.raises(ContextExceededError, match="asked=101"):
        text_question(prompt=["a", "b" * 60], max_tokens=41)


@pytest.mark.parametrize(("maximum", "asked"), [(5, 6), (0, 1), (259, 260)])
def test_the_number_of_likeliest_tokens_is_capped(maximum: int, asked: int) -> None:
    limits = replace(LIMITS, maximum_logprobs=maximum)
    with pytest.raises(UnsupportedParameterError, match=f"maximum={maximum}"):
        text_question(limits, logprobs=asked)
    assert text_question(limits, logprobs=maximum).likeliest == maximum


def test_a_base_that_is_known_in_part_has_no_tokens_to_promote() -> None:
    limits = replace(LIMITS, is_best_effort=True)
    with pytest.raises(UnsupportedParameterError, match="parameter=logit_bias"):
        text_question(limits, logit_bias={"5": 0.1, "6": -1})
    assert text_question(limits, logit_bias={"5": -1}).bias == {5: -1}
