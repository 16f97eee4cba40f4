"""From an API request to generated text, streamed or whole."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from unlearn_core.errors import ContextExceededError
from unlearn_core.modeling.generation import Sampling
from unlearn_core.modeling.tokens import TransformersTokenizer
from unlearn_core.serving.engine import Engine, Event, FinishReason, Job, Token
from unlearn_core.serving.schemas import (
    ChatCompletionRequest,
    CompletionRequest,
    OffsetStamp,
    Usage,
)
from unlearn_core.serving.slot import ServedVersion

SEED_BITS = 31
LOWEST_TEMPERATURE = 1e-3
LOWEST_TOP_P = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request reduced to what the engine needs.

    Attributes:
        prompt: Token ids.
        sampling: How tokens are chosen.
        seed: Seed of the random choices.
        is_chat: Which shape the answer has.
        model: Model name to be repeated in the answer.
    """

    prompt: list[int]
    sampling: Sampling
    seed: int
    is_chat: bool
    model: str


def read_question(
    request: CompletionRequest | ChatCompletionRequest,
    *,
    tokenizer: TransformersTokenizer,
    maximum_tokens: int,
) -> Question:
    """Turn a request into token ids.

    Raises:
        ContextExceededError: Prompt and answer do not fit into the context.
    """
    limit = request.max_tokens
    if isinstance(request, ChatCompletionRequest):
        limit = request.max_completion_tokens or limit
        prompt = tokenizer.conversation(
            [{"role": item.role, "content": item.content} for item in request.messages]
        )
    else:
        prompt = tokenizer.text(request.prompt)
    if len(prompt) + limit > maximum_tokens:
        raise ContextExceededError(asked=len(prompt) + limit, maximum=maximum_tokens)
    seed = request.seed
    is_sampled = request.temperature >= LOWEST_TEMPERATURE
    return Question(
        prompt=prompt,
        sampling=Sampling(
            maximum_tokens=limit,
            # Below these, float32 cannot tell sampling from taking the likeliest.
            temperature=request.temperature if is_sampled else 0.0,
            top_p=max(request.top_p, LOWEST_TOP_P),
        ),
        seed=secrets.randbits(SEED_BITS) if seed is None else seed % 2**SEED_BITS,
        is_chat=isinstance(request, ChatCompletionRequest),
        model=request.model,
    )


class Answering:
    """One running answer.

    Args:
        engine: Where it runs.
        question: What was asked.
        version: The version that the request has pinned.
        tokenizer: Turns ids into text.
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
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._ids: list[int] = []
        self._id = ("chatcmpl-" if question.is_chat else "cmpl-") + uuid4().hex
        self._created = int(time.time())
        self._loop = asyncio.get_running_loop()
        self._job = Job(
            law=version.law,
            prompt=question.prompt,
            sampling=question.sampling,
            end_id=tokenizer.end_id,
            pad_id=tokenizer.pad_id,
            seed=question.seed,
            emit=self._emit,
        )
        engine.submit(self._job)

    def cancel(self) -> None:
        """Stop early; the engine frees the row at its next step."""
        self._job.is_cancelled.set()

    def _emit(self, event: Event) -> None:
        """Hand an event over from the engine's thread."""
        self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    async def whole(self) -> dict[str, Any] | None:
        """Return the whole answer, or None if generation failed."""
        reason = FinishReason.ERROR
        async for event in self._read():
            if isinstance(event, FinishReason):
                reason = event
        if reason is FinishReason.ERROR:
            return None
        text = self._tokenizer.decode(self._ids)
        body = self._frame("chat.completion" if self._question.is_chat else None)
        content: dict[str, Any] = (
            {"message": {"role": "assistant", "content": text}}
            if self._question.is_chat
            else {"text": text}
        )
        body["choices"] = [
            {"index": 0, "finish_reason": reason.value, "logprobs": None, **content}
        ]
        body["usage"] = self._usage().model_dump()
        return body

    async def events(self) -> AsyncIterator[str]:
        """Yield the answer as server-sent events."""
        if self._question.is_chat:
            yield self._chunk({"role": "assistant", "content": ""}, None)
        written = ""
        async for event in self._read():
            text = self._tokenizer.decode(self._ids)
            is_last = isinstance(event, FinishReason)
            # A character may need several tokens; hold back what is not whole yet.
            if is_last or not text.endswith("\ufffd"):
                if len(text) > len(written):
                    yield self._chunk(self._piece(text[len(written) :]), None)
                written = text
            if isinstance(event, FinishReason):
                yield self._last(event)
        yield "data: [DONE]\n\n"

    def stamp(self) -> OffsetStamp:
        """Return which version answers."""
        return OffsetStamp(
            version=self._version.version,
            sequence=self._version.sequence,
            manifest=self._version.manifest,
        )

    async def _read(self) -> AsyncIterator[Event]:
        while True:
            event = await self._events.get()
            if isinstance(event, Token):
                self._ids.append(event.token_id)
            yield event
            if isinstance(event, FinishReason):
                return

    def _piece(self, text: str) -> dict[str, str]:
        return {"content": text} if self._question.is_chat else {"text": text}

    def _last(self, reason: FinishReason) -> str:
        if reason is FinishReason.ERROR:
            error = {"message": "generation failed", "type": "generation_failed"}
            return _event({"error": error})
        return self._chunk(self._piece(""), reason.value)

    def _chunk(self, piece: dict[str, str], reason: str | None) -> str:
        kind = "chat.completion.chunk" if self._question.is_chat else None
        choice: dict[str, Any] = {"index": 0, "finish_reason": reason}
        choice |= {"delta": piece} if self._question.is_chat else piece
        return _event(self._frame(kind) | {"choices": [choice]})

    def _frame(self, kind: str | None) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": kind or "text_completion",
            "created": self._created,
            "model": self._question.model,
            "system_fingerprint": f"offset-{self._version.sequence}",
            "offset": self.stamp().model_dump(),
        }

    def _usage(self) -> Usage:
        prompt, answer = len(self._question.prompt), len(self._ids)
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
