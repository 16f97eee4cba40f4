import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.serving import byte_tokenizer, greedy_tokens, offset_law, served

from unlearn_core.errors import ContextExceededError
from unlearn_core.serving.completions import (
    Answering,
    Question,
    read_question,
    stamp_headers,
)
from unlearn_core.serving.engine import Engine
from unlearn_core.serving.schemas import ChatCompletionRequest, CompletionRequest

TOKENIZER = byte_tokenizer()
VERSION = served(3)


def text_question(**changes: object) -> Question:
    body = {"model": "m", "prompt": "Hello", "temperature": 0} | changes
    return read_question(
        CompletionRequest.model_validate(body), tokenizer=TOKENIZER, maximum_tokens=100
    )


def chat_question(*contents: str, **changes: object) -> Question:
    roles = ("user", "assistant")
    messages = [
        {"role": roles[number % 2], "content": content}
        for number, content in enumerate(contents or ("Hello",))
    ]
    body = {"model": "m", "messages": messages, "temperature": 0} | changes
    return read_question(
        ChatCompletionRequest.model_validate(body),
        tokenizer=TOKENIZER,
        maximum_tokens=100,
    )


@pytest.fixture
def engine() -> Iterator[Engine]:
    started = Engine()
    started.start()
    yield started
    started.stop()


def whole(engine: Engine, question: Question) -> dict[str, Any]:
    async def ask() -> dict[str, Any] | None:
        answering = Answering(engine, question, version=VERSION, tokenizer=TOKENIZER)
        return await answering.whole()

    body = asyncio.run(ask())
    assert body is not None
    return body


def streamed(engine: Engine, question: Question) -> list[str]:
    async def ask() -> list[str]:
        answering = Answering(engine, question, version=VERSION, tokenizer=TOKENIZER)
        return [line async for line in answering.events()]

    return asyncio.run(ask())


def parsed(lines: list[str]) -> list[dict[str, Any]]:
    """Return the frames of a stream, after checking its form."""
    assert lines[-1] == "data: [DONE]\n\n"
    assert all(line.startswith("data: ") and line.endswith("\n\n") for line in lines)
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]


def test_a_text_is_continued_as_it_is_and_a_conversation_in_the_chat_form() -> None:
    assert TOKENIZER.decode(text_question().prompt) == "Hello"
    user, assistant, end = (
        TOKENIZER.text(f"<|{x}|>") for x in ("user", "assistant", "end")
    )
    assert chat_question("Hi", "Yes?", "Bye").prompt == [
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
        assert len(text_question(**changes).prompt) == 60
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


def test_a_whole_text_answer_has_the_shape_of_the_openai_api(engine: Engine) -> None:
    body = whole(engine, text_question(max_tokens=6))
    expected = greedy_tokens(offset_law(3), TOKENIZER.text("Hello"), 6)
    assert body["id"].startswith("cmpl-")
    assert body["object"] == "text_completion"
    assert body["choices"] == [
        {
            "index": 0,
            "finish_reason": "length",
            "logprobs": None,
            "text": TOKENIZER.decode(expected),
        }
    ]
    assert body["usage"] == {
        "prompt_tokens": 5,
        "completion_tokens": 6,
        "total_tokens": 11,
    }
    assert body["offset"] == {
        "version": "3",
        "sequence": 3,
        "manifest": VERSION.manifest,
    }
    assert body["system_fingerprint"] == "offset-3"


def test_a_whole_chat_answer_is_a_message_of_the_assistant(engine: Engine) -> None:
    body = whole(engine, chat_question(max_tokens=4))
    assert (body["object"], body["id"][:9]) == ("chat.completion", "chatcmpl-")
    assert body["choices"][0]["message"]["role"] == "assistant"


@pytest.mark.parametrize("seed", range(6))
def test_the_pieces_of_a_stream_are_the_whole_answer(engine: Engine, seed: int) -> None:
    changes = {"seed": seed, "temperature": 1.5, "max_tokens": 30}
    texts = parsed(streamed(engine, text_question(**changes)))
    expected = whole(engine, text_question(**changes))["choices"][0]
    assert "".join(item["choices"][0]["text"] for item in texts) == expected["text"]
    assert texts[-1]["choices"][0]["finish_reason"] == expected["finish_reason"]
    assert {item["offset"]["sequence"] for item in texts} == {3}


def test_a_chat_stream_begins_with_the_role_and_ends_with_the_reason(
    engine: Engine,
) -> None:
    frames = parsed(streamed(engine, chat_question(max_tokens=4)))
    choices = [frame["choices"][0] for frame in frames]
    assert choices[0]["delta"] == {"role": "assistant", "content": ""}
    assert [choice["finish_reason"] for choice in choices[:-1]] == [None] * (
        len(choices) - 1
    )
    assert choices[-1] == {
        "index": 0,
        "finish_reason": "length",
        "delta": {"content": ""},
    }
    assert {frame["object"] for frame in frames} == {"chat.completion.chunk"}
    assert len({frame["id"] for frame in frames}) == 1


def test_headers_name_the_version_and_say_none_for_the_bare_base() -> None:
    async def headers(sequence: int) -> dict[str, str]:
        idle, version = Engine(), served(sequence)
        answering = Answering(
            idle, text_question(), version=version, tokenizer=TOKENIZER
        )
        return dict(stamp_headers(answering.stamp()))

    assert asyncio.run(headers(3)) == {
        "X-Offset-Version": "3",
        "X-Offset-Sequence": "3",
        "X-Offset-Manifest": VERSION.manifest,
    }
    assert asyncio.run(headers(0)) == {
        "X-Offset-Version": "none",
        "X-Offset-Sequence": "0",
        "X-Offset-Manifest": "none",
    }
