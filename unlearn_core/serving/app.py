"""The HTTP interface of an inference service."""

import asyncio
import time
import weakref
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse, StreamingResponse

from unlearn_core import http_problems
from unlearn_core.errors import OffsetRequiredError, UnknownModelError
from unlearn_core.modeling.weights import LanguageModel
from unlearn_core.serving.completions import (
    Answering,
    Question,
    read_question,
    stamp_headers,
)
from unlearn_core.serving.engine import Engine
from unlearn_core.serving.schemas import (
    FIELD_NAMES,
    ChatCompletionRequest,
    CompletionRequest,
    ReplicaStateAnswer,
)
from unlearn_core.serving.slot import Slot
from unlearn_core.serving.watcher import Watcher


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceService:
    """The parts of one replica.

    Attributes:
        replica: Name of the replica.
        base_model: Name of the base model.
        base: The base model.
        slot: Which version answers.
        engine: Where answers are generated.
        watcher: Keeps the slot current.
        started_at: Moment of start, in seconds since 1970.
    """

    replica: str
    base_model: str
    base: LanguageModel
    slot: Slot
    engine: Engine
    watcher: Watcher
    started_at: int = field(default_factory=lambda: int(time.time()))

    def state(self) -> ReplicaStateAnswer:
        """Say what this replica serves."""
        try:
            self.slot.check()
            is_ready = True
        except OffsetRequiredError:
            is_ready = False
        current = self.slot.current
        return ReplicaStateAnswer(
            replica=self.replica,
            is_ready=is_ready,
            sequence=current.sequence,
            version=current.version,
            oldest_in_flight=self.slot.oldest_in_flight,
            in_flight=self.slot.in_flight,
            last_error=self.watcher.last_error,
        )


def create_app(service: InferenceService) -> FastAPI:
    """Build the application; it starts and stops the service's threads."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        """Run engine and watcher as long as the application."""
        service.engine.start()
        await asyncio.to_thread(service.watcher.start)
        yield
        await asyncio.to_thread(service.watcher.stop)
        await asyncio.to_thread(service.engine.stop)

    app = FastAPI(title="unlearn inference service", lifespan=lifespan)
    http_problems.install(app, names=FIELD_NAMES)
    _add_completions(app, service)
    _add_status(app, service)
    return app


def _add_completions(app: FastAPI, service: InferenceService) -> None:
    @app.post("/v1/completions", response_model=None)
    async def complete(request: CompletionRequest) -> Response:
        """Continue a text."""
        return await _answer(service, request)

    @app.post("/v1/chat/completions", response_model=None)
    async def chat(request: ChatCompletionRequest) -> Response:
        """Answer a conversation."""
        return await _answer(service, request)

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        """List the one model that is served."""
        entry = {
            "id": service.base_model,
            "object": "model",
            "created": service.started_at,
            "owned_by": "unlearn",
        }
        return {"object": "list", "data": [entry]}


def _add_status(app: FastAPI, service: InferenceService) -> None:
    @app.get("/health")
    async def health() -> dict[str, str]:
        """Tell that the process is alive."""
        return {"status": "alive"}

    @app.get("/ready")
    async def ready() -> JSONResponse:
        """Tell whether questions are answered now."""
        state = service.state()
        status = HTTPStatus.OK if state.is_ready else HTTPStatus.SERVICE_UNAVAILABLE
        return JSONResponse(state.model_dump(), status_code=status.value)

    @app.get("/state")
    async def state() -> ReplicaStateAnswer:
        """Say which version is served and what still runs."""
        return service.state()


async def _answer(
    service: InferenceService, request: CompletionRequest | ChatCompletionRequest
) -> Response:
    if request.model != service.base_model:
        raise UnknownModelError(served=service.base_model)
    question = read_question(
        request,
        tokenizer=service.base.tokenizer,
        maximum_tokens=service.slot.current.law.maximum_tokens,
    )
    return await (_stream if request.stream else _whole)(service, question)


async def _whole(service: InferenceService, question: Question) -> Response:
    with service.slot.lease() as version:
        answering = Answering(
            service.engine, question, version=version, tokenizer=service.base.tokenizer
        )
        try:
            body = await answering.whole()
        finally:
            answering.cancel()
        if body is None:
            return http_problems.problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                code="generation_failed",
                detail="The answer could not be generated.",
            )
        return JSONResponse(body, headers=dict(stamp_headers(answering.stamp())))


async def _stream(service: InferenceService, question: Question) -> Response:
    with ExitStack() as stack:
        version = stack.enter_context(service.slot.lease())
        answering = Answering(
            service.engine, question, version=version, tokenizer=service.base.tokenizer
        )
        stack.callback(answering.cancel)
        pinned = stack.pop_all()
    return StreamingResponse(
        _Pinned(answering.events(), pinned),
        media_type="text/event-stream",
        headers=dict(stamp_headers(answering.stamp())),
    )


class _Pinned:
    """Lines of a streamed answer; the version stays pinned until they end.

    The pin is also released when the stream is dropped without ever being read, as
    happens when a client leaves before the first byte.
    """

    def __init__(self, lines: AsyncIterator[str], pinned: ExitStack) -> None:
        self._lines = lines
        self._release = weakref.finalize(self, pinned.close)

    async def __aiter__(self) -> AsyncIterator[str]:
        try:
            async for line in self._lines:
                yield line
        finally:
            self._release()
