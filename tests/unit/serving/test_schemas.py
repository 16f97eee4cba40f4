import pytest
from pydantic import ValidationError

from unlearn_core.serving.schemas import (
    FIELD_NAMES,
    ChatCompletionRequest,
    CompletionRequest,
)

TEXT = {"model": "small-world", "prompt": "Hello"}
CHAT = {"model": "small-world", "messages": [{"role": "user", "content": "Hello"}]}


def test_a_text_request_has_the_defaults_of_the_openai_api() -> None:
    request = CompletionRequest.model_validate(TEXT)
    assert (request.temperature, request.top_p, request.n) == (1.0, 1.0, 1)
    assert (request.max_tokens, request.seed, request.stream) == (64, None, False)


@pytest.mark.parametrize(
    "unsupported",
    [
        {"logprobs": -1},
        {"echo": True},
        {"n": 0},
        {"n": 9},
        {"best_of": 2},
        {"suffix": "!"},
        {"use_beam_search": True},
        {"prompt_logprobs": 0},
        {"presence_penalty": 1.0},
        {"frequency_penalty": -0.1},
        {"stop": ["."] * 5},
        {"stop": ""},
        {"stop": "x" * 65},
        {"logit_bias": {"5": 101}},
        {"logit_bias": {"5": float("nan")}},
        {"logit_bias": {"-1": 1}},
        {"logit_bias": {"five": 1}},
        {"logit_bias": {str(place): 1 for place in range(301)}},
        {"stream_options": {"include_obfuscation": True}},
        {"response_format": {"type": "json_object"}},
        {"offset": False},
        {"alpha": 0},
    ],
)
def test_what_cannot_be_honoured_is_refused_and_not_ignored(
    unsupported: dict[str, object],
) -> None:
    for kind, body in ((CompletionRequest, TEXT), (ChatCompletionRequest, CHAT)):
        with pytest.raises(ValidationError):
            kind.model_validate(body | unsupported)


@pytest.mark.parametrize(
    "neutral",
    [
        {"presence_penalty": 0, "frequency_penalty": 0.0},
        {"use_beam_search": False, "prompt_logprobs": None},
        {"logit_bias": None, "stop": None, "seed": None, "stream_options": None},
    ],
)
def test_a_value_that_asks_for_nothing_is_accepted(neutral: dict[str, object]) -> None:
    for kind, body in ((CompletionRequest, TEXT), (ChatCompletionRequest, CHAT)):
        kind.model_validate(body | neutral)
    CompletionRequest.model_validate(TEXT | {"echo": False, "best_of": 1})


def test_the_number_of_likeliest_tokens_is_no_negative_one() -> None:
    body = CHAT | {"logprobs": True, "top_logprobs": -1}
    with pytest.raises(ValidationError, match="top_logprobs"):
        ChatCompletionRequest.model_validate(body)


@pytest.mark.parametrize(
    ("field", "value", "is_accepted"),
    [
        ("max_tokens", 0, False),
        ("max_tokens", 1, True),
        ("max_tokens", 256, True),
        ("max_tokens", 257, False),
        ("temperature", -0.1, False),
        ("temperature", 0, True),
        ("temperature", 2, True),
        ("temperature", 2.1, False),
        ("temperature", float("nan"), False),
        ("top_p", 0, False),
        ("top_p", 1, True),
        ("top_p", 1.1, False),
        ("prompt", "", False),
        ("prompt", "a" * 20_000, True),
        ("prompt", "a" * 20_001, False),
        ("prompt", ["a", "b"], True),
        ("prompt", ["a"] * 65, False),
        ("prompt", ["a", ""], False),
        ("prompt", [], False),
        ("prompt", [1, 2], True),
        ("prompt", [1, -2], False),
        ("prompt", [[1, 2], [3]], True),
        ("prompt", [[1, 2], []], False),
        ("prompt", [[1, 2], "a"], False),
        ("user", "u" * 201, False),
        ("seed", -5, True),
        ("seed", "five", False),
    ],
)
def test_every_field_has_its_limits(
    field: str, value: object, *, is_accepted: bool
) -> None:
    try:
        CompletionRequest.model_validate(TEXT | {field: value})
    except ValidationError:
        assert not is_accepted
    else:
        assert is_accepted


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "tool", "content": "a"}],
        [{"role": "user"}],
        [{"role": "user", "content": [{"type": "text", "text": "a"}]}],
        [{"role": "user", "content": "a", "name": "b"}],
        [{"role": "user", "content": "a"}] * 65,
    ],
)
def test_a_malformed_conversation_is_refused(messages: list[object]) -> None:
    with pytest.raises(ValidationError):
        ChatCompletionRequest.model_validate(CHAT | {"messages": messages})


def test_every_field_that_is_known_or_refused_may_be_named_in_an_answer() -> None:
    assert {"prompt", "messages", "content", "logprobs", "echo"} <= FIELD_NAMES
    assert "Hello" not in FIELD_NAMES
