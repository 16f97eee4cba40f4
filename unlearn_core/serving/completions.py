"""From an API request to generated text, streamed or whole."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from copy import copy
from functools import partial
from typing import Any
from uuid import uuid4

from unlearn_core.http_errors import (
    BoundExceededError,
    UpstreamMismatchError,
    UpstreamUnavailableError,
)
from unlearn_core.modeling.tokens import TransformersTokenizer
from unlearn_core.serving.engine import Engine
from unlearn_core.serving.guard import REFUSAL, Watch
from unlearn_core.serving.jobs import Event, FinishReason, Job, Token
from unlearn_core.serving.logprobs import chat_logprobs, text_logprobs
from unlearn_core.serving.questions import SEED_BITS, Question
from unlearn_core.serving.running_text import Piece, PlacedToken, RunningText
from unlearn_core.serving.schemas import (
    OffsetStamp,
    Usage,
)
from unlearn_core.serving.slot import ServedVersion

NO_END = -1
FAILURES = {
    FinishReason.ERROR: "generation_failed",
    FinishReason.RECALLED: "version_recalled",
    FinishReason.BOUND: BoundExceededError.code,
    FinishReason.UNAVAILABLE: UpstreamUnavailableError.code,
    FinishReason.MISMATCH: UpstreamMismatchError.code,
}
"""Error codes of answers that ended without being whole."""


class _Choice:
    """One of the answers to a question.

    Attributes:
        job: What the engine does for it.
        text: Its text so far.
        reason: Why it has ended, if it has.
    """

    def __init__(self, job: Job, text: RunningText, watch: Watch | None) -> None:
        self.job = job
        self.text = text
        self.reason: FinishReason | None = None
        self._watch = watch
        if watch is not None and watch.is_named_at_once:
            self._withhold()

    @property
    def failure(self) -> str:
        """Return why there is no answer, as an error code; empty if there is one."""
        return FAILURES.get(self.reason, "") if self.reason else ""

    def take(self, event: Event) -> None:
        """Take an event; a stop text ends the answer here."""
        if isinstance(event, Token):
            self.text.add(event)
            if self.text.is_stopped:
                self.reason = FinishReason.STOP
                self.job.is_cancelled.set()
        else:
            self.reason = event
        if self._watch is not None and self._is_named(event, self._watch):
            self._withhold()

    def _is_named(self, event: Event, watch: Watch) -> bool:
        is_last = self.reason is not None
        return watch.is_named(self.text.made, is_last=is_last) or (
            isinstance(event, Token) and watch.would_be_named(self.text.others(event))
        )

    def _withhold(self) -> None:
        self.text.withhold(REFUSAL)
        self.reason = FinishReason.WITHHELD
        self.job.is_cancelled.set()


class Answering:
    """One running answer, or several to one question.

    Args:
        engine: Where it runs.
        question: What was asked.
        version: The version that the request has pinned.
        tokenizer: Turns ids into text.

    Raises:
        OverloadedError: Too many jobs are waiting already.
    """

    def __init__(
        self,
        engine: Engine,
        question: Question,
        *,
        version: ServedVersion,
        tokenizer: TransformersTokenizer,
    ) -> None:
        self._question = question
        self._tokenizer = tokenizer
        self._version = version
        self._events: asyncio.Queue[tuple[int, Event]] = asyncio.Queue()
        self._id = ("chatcmpl-" if question.is_chat else "cmpl-") + uuid4().hex
        self._created = int(time.time())
        self._loop = asyncio.get_running_loop()
        self._choices = [
            choice
            for prompt, watch in enumerate(self._watches())
            for choice in self._choices_of(prompt, watch)
        ]
        engine.submit(
            *(choice.job for choice in self._choices if choice.reason is None)
        )

    def cancel(self) -> None:
        """Stop early; the engine frees the rows at its next step."""
        for choice in self._choices:
            choice.job.is_cancelled.set()

    @property
    def failure(self) -> str:
        """Return why there is no whole answer, as an error code, or nothing."""
        return next(filter(None, (choice.failure for choice in self._choices)), "")

    async def whole(self) -> dict[str, Any] | None:
        """Return the whole answer, or None if there is a `failure`."""
        async for _ in self._read():
            pass
        if self.failure:
            return None
        body = self._frame("chat.completion" if self._question.is_chat else None)
        body["choices"] = [
            self._whole_choice(index, choice)
            for index, choice in enumerate(self._choices)
        ]
        return body | {"usage": self._usage().model_dump()}

    async def events(self) -> AsyncIterator[str]:
        """Yield the answer as server-sent events."""
        if self._question.is_chat:
            for index in range(len(self._choices)):
                yield self._chunk(index, {"role": "assistant", "content": ""})
        async for index, choice in self._read():
            if choice.failure:
                code = choice.failure
                error = {"message": code.replace("_", " "), "type": code, "code": code}
                yield _event({"error": error})
                break
            piece = choice.text.release(is_last=choice.reason is not None)
            if piece.text or (choice.reason and piece.tokens):
                yield self._piece(index, piece)
            if choice.reason:
                yield self._piece(index, Piece(text="", tokens=()), choice.reason)
        else:
            if self._question.wants_usage:
                frame = self._frame(self._chunk_kind())
                yield _event(
                    frame | {"choices": [], "usage": self._usage().model_dump()}
                )
        yield "data: [DONE]\n\n"

    def stamp(self) -> OffsetStamp:
        """Return which version answers."""
        return OffsetStamp(
            version=self._version.version,
            sequence=self._version.sequence,
            manifest=self._version.manifest,
            guarantee="best_effort" if self._question.is_best_effort else None,
        )

    def _watches(self) -> Iterator[Watch | None]:
        """Yield what watches the answers to each prompt, if somebody is restricted."""
        guard, question = self._version.guard, self._question
        for prompt in question.prompts:
            if guard is None:
                yield None
            else:
                asked = self._tokenizer.transcript(prompt)
                yield guard.watch(asked, is_chat=question.is_chat)

    def _choices_of(self, prompt: int, watch: Watch | None) -> Iterator[_Choice]:
        held_back = watch.held_back if watch else 0
        for place in range(self._question.choices):
            text = RunningText(
                self._tokenizer, stops=self._question.stops, held_back=held_back
            )
            job = self._job(prompt * self._question.choices + place)
            # Each is looked at by itself, however far the others are.
            yield _Choice(job, text, copy(watch))

    def _job(self, index: int) -> Job:
        question = self._question
        return Job(
            law=self._version.law,
            prompt=question.prompts[index // question.choices],
            sampling=question.sampling,
            end_id=NO_END if question.ignores_end else self._tokenizer.end_id,
            seed=(question.seed + index) % 2**SEED_BITS,
            emit=partial(self._emit, index),
            bias=question.bias,
            likeliest=question.likeliest or 0,
            recalled=self._version.recalled,
        )

    def _emit(self, index: int, event: Event) -> None:
        """Hand an event over from the engine's thread."""
        self._loop.call_soon_threadsafe(self._events.put_nowait, (index, event))

    async def _read(self) -> AsyncIterator[tuple[int, _Choice]]:
        """Yield what went on, until all answers have ended or one has failed."""
        for index, choice in enumerate(self._choices):
            if choice.reason is not None:
                yield index, choice  # there is nothing to wait for
        while any(choice.reason is None for choice in self._choices):
            index, event = await self._events.get()
            choice = self._choices[index]
            if choice.reason is not None:
                continue  # made before the engine knew that a stop text was met
            choice.take(event)
            yield index, choice
            if choice.failure:
                return

    def _whole_choice(self, index: int, choice: _Choice) -> dict[str, Any]:
        piece = choice.text.release(is_last=True)
        content: dict[str, Any] = (
            {"message": {"role": "assistant", "content": piece.text}}
            if self._question.is_chat
            else {"text": piece.text}
        )
        return {
            "index": index,
            "finish_reason": choice.reason,
            "logprobs": (
                None
                if choice.reason is FinishReason.WITHHELD
                else self._logprobs(piece.tokens)
            ),
            **content,
        }

    def _logprobs(self, tokens: Sequence[PlacedToken]) -> dict[str, Any] | None:
        if self._question.likeliest is None:
            return None
        if self._question.is_chat:
            return chat_logprobs(tokens, tokenizer=self._tokenizer)
        label = "token_id:{}".format if self._question.wants_ids else None
        return text_logprobs(tokens, label=label or self._tokenizer.label)

    def _piece(
        self, index: int, piece: Piece, reason: FinishReason | None = None
    ) -> str:
        is_chat = self._question.is_chat
        content = {"content": piece.text} if is_chat else {"text": piece.text}
        logprobs = self._logprobs(piece.tokens) if piece.tokens else None
        return self._chunk(index, content, logprobs=logprobs, reason=reason)

    def _chunk(
        self,
        index: int,
        content: dict[str, str],
        *,
        logprobs: dict[str, Any] | None = None,
        reason: FinishReason | None = None,
    ) -> str:
        choice: dict[str, Any] = {
            "index": index,
            "finish_reason": reason,
            "logprobs": logprobs,
        }
        choice |= {"delta": content} if self._question.is_chat else content
        frame = self._frame(self._chunk_kind()) | {"choices": [choice]}
        return _event(frame | ({"usage": None} if self._question.wants_usage else {}))

    def _chunk_kind(self) -> str | None:
        return "chat.completion.chunk" if self._question.is_chat else None

    def _frame(self, kind: str | None) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": kind or "text_completion",
            "created": self._created,
            "model": self._question.model,
            "system_fingerprint": f"offset-{self._version.sequence}",
            "offset": self.stamp().model_dump(exclude_none=True),
        }

    def _usage(self) -> Usage:
        prompt = self._question.prompt_tokens
        answer = sum(len(choice.text) for choice in self._choices)
        return Usage(
            prompt_tokens=prompt,
            completion_tokens=answer,
            total_tokens=prompt + answer,
        )


def _event(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body)}\n\n"


def stamp_headers(stamp: OffsetStamp) -> Iterator[tuple[str, str]]:
    """Yield the headers that name the version that answers."""
    yield "X-Offset-Version", stamp.version or "none"
    yield "X-Offset-Sequence", str(stamp.sequence)
    yield "X-Offset-Manifest", stamp.manifest or "none"
    if stamp.guarantee:
        yield "X-Offset-Guarantee", stamp.guarantee
