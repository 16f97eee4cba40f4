import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from support.questions import chat_question, text_question
from support.serving import byte_tokenizer, greedy_tokens, offset_law, served
from torch import Tensor

from unlearn_core.http_errors import OverloadedError
from unlearn_core.serving.completions import Answering, stamp_headers
from unlearn_core.serving.engine import Engine
from unlearn_core.serving.questions import Question

pytestmark = pytest.mark.integration

TOKENIZER = byte_tokenizer()
VERSION = served(3)


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
        "logprobs": None,
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


# Several answers, stop texts, biases, log-probabilities, token counts.


def served_law(*ids: int) -> Tensor:
    """Return the served law after a prompt, computed without any cache."""
    ids_BT = torch.tensor([ids])
    with torch.inference_mode():
        laws_BTV = offset_law(3)(ids_BT, attention_mask_BS=torch.ones_like(ids_BT))
    return laws_BTV[0, -1]


def test_several_answers_are_the_answers_to_consecutive_seeds(engine: Engine) -> None:
    changes = {"temperature": 1.0, "max_tokens": 12}
    body = whole(engine, text_question(**changes, seed=5, n=3))
    alone = [
        whole(engine, text_question(**changes, seed=seed))["choices"][0]["text"]
        for seed in (5, 6, 7)
    ]
    assert [choice["text"] for choice in body["choices"]] == alone
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    assert body["usage"] == {
        "prompt_tokens": 5,
        "completion_tokens": 36,
        "total_tokens": 41,
    }


def test_several_streamed_answers_carry_their_index(engine: Engine) -> None:
    changes = {"temperature": 1.0, "max_tokens": 12, "seed": 5, "n": 3}
    frames = parsed(streamed(engine, text_question(**changes)))
    written = ["", "", ""]
    for frame in frames:
        (choice,) = frame["choices"]
        written[choice["index"]] += choice["text"]
    body = whole(engine, text_question(**changes))
    assert written == [choice["text"] for choice in body["choices"]]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_an_answer_ends_before_its_stop_text(
    engine: Engine, *, is_streamed: bool
) -> None:
    free = whole(engine, text_question(max_tokens=20))["choices"][0]["text"]
    stop = free[4:6]
    question = text_question(max_tokens=20, stop=stop, logprobs=0)
    if is_streamed:
        frames = [frame["choices"][0] for frame in parsed(streamed(engine, question))]
        text = "".join(frame["text"] for frame in frames)
        reason = frames[-1]["finish_reason"]
        scored = [frame["logprobs"] for frame in frames if frame["logprobs"]]
        labels = [label for item in scored for label in item["tokens"]]
    else:
        (choice,) = whole(engine, question)["choices"]
        text, reason = choice["text"], choice["finish_reason"]
        labels = choice["logprobs"]["tokens"]
    assert (text, reason) == (free[: free.index(stop)], "stop")
    assert len(labels) <= 2 * len(text)


def test_a_bias_forces_and_forbids_tokens(engine: Engine) -> None:
    likeliest = int(served_law(*TOKENIZER.text("Hello")).argmax())
    other = 77 if likeliest != 77 else 78
    question = text_question(max_tokens=1, logit_bias={str(other): 100})
    (forced,) = whole(engine, question)["choices"]
    assert forced["text"] == TOKENIZER.decode([other])
    banned = text_question(max_tokens=1, logit_bias={str(likeliest): -100})
    assert whole(engine, banned)["choices"][0]["text"] != TOKENIZER.decode([likeliest])


def test_log_probabilities_of_a_chat_are_those_of_the_served_law(
    engine: Engine,
) -> None:
    question = chat_question(max_tokens=3, logprobs=True, top_logprobs=2)
    (choice,) = whole(engine, question)["choices"]
    ids = list(question.prompts[0])
    for entry in choice["logprobs"]["content"]:
        values, best = served_law(*ids).topk(2)
        ids.append(int(best[0]))
        assert entry["token"] == TOKENIZER.label(int(best[0]))
        assert [item["token"] for item in entry["top_logprobs"]] == [
            TOKENIZER.label(int(token)) for token in best
        ]
        told = [item["logprob"] for item in entry["top_logprobs"]]
        assert told == pytest.approx(values.tolist(), abs=1e-4)
    assert len(ids) == len(question.prompts[0]) + 3


def test_a_stream_tells_every_token_s_log_probability_once(engine: Engine) -> None:
    changes = {"max_tokens": 30, "seed": 3, "temperature": 1.5, "logprobs": 1}
    frames = parsed(streamed(engine, text_question(**changes)))
    told = [
        value
        for frame in frames
        if frame["choices"][0]["logprobs"]
        for value in frame["choices"][0]["logprobs"]["token_logprobs"]
    ]
    (choice,) = whole(engine, text_question(**changes))["choices"]
    expected = choice["logprobs"]["token_logprobs"]
    assert told == pytest.approx(expected, abs=1e-4)


def test_a_stream_ends_with_the_token_counts_if_they_are_asked_for(
    engine: Engine,
) -> None:
    asked = {"stream": True, "stream_options": {"include_usage": True}, "n": 2}
    frames = parsed(streamed(engine, text_question(max_tokens=4, **asked)))
    assert {frame["usage"] for frame in frames[:-1]} == {None}
    assert frames[-1]["choices"] == []
    assert frames[-1]["usage"] == {
        "prompt_tokens": 5,
        "completion_tokens": 8,
        "total_tokens": 13,
    }
    assert frames[-1]["offset"]["sequence"] == 3


def test_answers_that_do_not_fit_into_the_queue_are_refused_together() -> None:
    async def ask() -> None:
        idle = Engine(maximum_waiting=3)
        Answering(idle, text_question(n=2), version=VERSION, tokenizer=TOKENIZER)
        with pytest.raises(OverloadedError, match="waiting=2"):
            Answering(idle, text_question(n=2), version=VERSION, tokenizer=TOKENIZER)
        Answering(idle, text_question(), version=VERSION, tokenizer=TOKENIZER)

    asyncio.run(ask())


def test_several_prompts_of_ids_are_answered_in_order_and_told_by_ids(
    engine: Engine,
) -> None:
    prompts = [TOKENIZER.text("Hello"), TOKENIZER.text("Hi")]
    changes = {"max_tokens": 1, "n": 2, "logprobs": 1}
    question = text_question(prompt=prompts, return_tokens_as_token_ids=True, **changes)
    body = whole(engine, question)
    tokens = [greedy_tokens(offset_law(3), prompt, 1)[0] for prompt in prompts]
    told = [choice["logprobs"] for choice in body["choices"]]
    first, _, second, _ = (f"token_id:{token}" for token in tokens for _ in range(2))
    assert [item["tokens"] for item in told] == [[first], [first], [second], [second]]
    assert [list(item["top_logprobs"][0]) for item in told[::2]] == [[first], [second]]
    assert body["usage"]["prompt_tokens"] == 7


@pytest.mark.parametrize(("ignores", "length"), [(False, 0), (True, 2)])
def test_the_end_is_a_token_like_any_other_where_it_is_ignored(
    engine: Engine, length: int, *, ignores: bool
) -> None:
    end = TOKENIZER.end_id
    question = text_question(
        max_tokens=2, ignore_eos=ignores, logit_bias={str(end): 100}
    )
    body = whole(engine, question)
    assert body["usage"]["completion_tokens"] == length
    assert body["choices"][0]["text"] == ""
