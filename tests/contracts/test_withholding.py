"""Answers that come to a name by themselves, from a law that recites a text."""

import asyncio
import json
from dataclasses import replace

from support.questions import chat_question, text_question
from support.serving import byte_tokenizer, served

from unlearn_core.domain.subjects import parse_subject
from unlearn_core.serving.completions import Answering
from unlearn_core.serving.guard import HELD_BACK, REFUSAL, Guard
from unlearn_core.serving.jobs import FinishReason, Job, Token
from unlearn_core.serving.questions import Question

TOKENIZER = byte_tokenizer()
GUARD = Guard([parse_subject({"name": "Zoë Muster", "email": "zoe@muster.example"})])
FAR = "An old house stands there. " * (HELD_BACK // 20)


class Reciting:
    """Stands where the engine is and hands out the tokens of texts, one by one."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts

    def submit(self, *jobs: Job) -> None:
        """Recite a text to each job in turn, or the last one."""
        for place, job in enumerate(jobs):
            for token in TOKENIZER.text(self.texts[min(place, len(self.texts) - 1)]):
                job.emit(Token(token_id=token, log_prob=-0.5))
            job.emit(FinishReason.STOP)


def answering(*recited: str, question: Question) -> Answering:
    version = replace(served(1), guard=GUARD, restrictions=7)
    engine = Reciting(*recited)
    return Answering(engine, question, version=version, tokenizer=TOKENIZER)  # type: ignore[arg-type]  # an engine that recites


def streamed(recited: str, question: Question) -> tuple[list[str], str]:
    """Return the pieces of a streamed answer, and why it ended."""

    async def ask() -> list[str]:
        return [line async for line in answering(recited, question=question).events()]

    lines = [line.removeprefix("data: ") for line in asyncio.run(ask())]
    choices = [json.loads(line)["choices"][0] for line in lines[:-1]]
    pieces = [choice.get("text") or "" for choice in choices]
    return [piece for piece in pieces if piece], choices[-1]["finish_reason"]


def whole(recited: str, question: Question) -> str:
    async def ask() -> object:
        return await answering(recited, question=question).whole()

    body = asyncio.run(ask())
    assert isinstance(body, dict)
    (choice,) = body["choices"]
    return str(choice.get("text") or choice["message"]["content"])


def test_a_name_in_the_answer_withholds_all_of_it() -> None:
    told = "The number +49 30 1234567 is that of Zoë Muster."
    assert whole(told, text_question(max_tokens=50)) == REFUSAL
    assert whole(told, chat_question(max_tokens=50)) == REFUSAL
    pieces, reason = streamed(told, text_question(max_tokens=50))
    assert (pieces, reason) == ([REFUSAL], "content_filter")


def test_a_name_at_the_very_end_is_one() -> None:
    assert whole("It is Zoe Muster", text_question(max_tokens=50)) == REFUSAL


def test_a_name_that_the_client_lets_the_answer_stop_at_is_one() -> None:
    told = "The house is that of Zoe Muster, 1234567"
    assert whole(told, text_question(max_tokens=50, stop=["Muster"])) == REFUSAL
    assert whole(told, text_question(max_tokens=50, stop=["house"])) == "The "


def test_a_longer_name_that_begins_like_it_is_somebody_else_s() -> None:
    told = "It is Zoe Mustermann"
    assert whole(told, text_question(max_tokens=50)) == told


def test_an_identifier_in_the_answer_is_as_good_as_the_name() -> None:
    assert whole("Write to zoe@muster.example.", text_question()) == REFUSAL


def test_nothing_near_a_name_is_ever_streamed() -> None:
    told = FAR + "Her number is 1234567. She is Zoë Muster and lives there."
    pieces, reason = streamed(told, text_question(max_tokens=50))
    shown = "".join(pieces)
    assert reason == "content_filter"
    assert shown.endswith("\n" + REFUSAL)
    assert FAR.startswith(shown.removesuffix("\n" + REFUSAL))
    assert len(pieces) > 2


def test_a_long_answer_that_names_nobody_is_streamed_whole() -> None:
    pieces, reason = streamed(FAR + "Ben Muster", text_question(max_tokens=50))
    assert ("".join(pieces), reason) == (FAR + "Ben Muster", "stop")
    assert len(pieces) > 2


def test_of_several_answers_each_is_watched_however_long_the_others_are() -> None:
    other, named = FAR * 3, "She is Zoë Muster. " + FAR * 2
    question = text_question(max_tokens=50, n=2)

    async def ask() -> object:
        return await answering(other, named, question=question).whole()

    body = asyncio.run(ask())
    assert isinstance(body, dict)
    assert [choice["text"] for choice in body["choices"]] == [other, REFUSAL]
