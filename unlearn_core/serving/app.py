"""The HTTP interface of an inference service."""

import asyncio
import time
import weakref
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from unlearn_core import http_problems
from unlearn_core.errors import OffsetRequiredError
from unlearn_core.http_errors import (
    BoundExceededError,
    UnknownModelError,
    UpstreamMismatchError,
    UpstreamUnavailableError,
)
from unlearn_core.serving.admission import Admission, Gate
from unlearn_core.serving.bases import ServedBase
from unlearn_core.serving.completions import (
    FAILURES,
    Answering,
    stamp_headers,
)
from unlearn_core.serving.engine import Engine
from unlearn_core.serving.jobs import FinishReason
from unlearn_core.serving.questions import Limits, Question, read_question
from unlearn_core.serving.schemas import (
    FIELD_NAMES,
    MAXIMUM_LOGPROBS,
    ChatCompletionRequest,
    CompletionRequest,
    ReplicaStateAnswer,
)
from unlearn_core.serving.slot import ServedVersion, Slot
from unlearn_core.serving.traces import Span, Tracing
from unlearn_core.serving.watcher import Watcher
from unlearn_core.serving.webhook import add_webhook

MAXIMUM_RESTARTS = 3
"""How often one answer begins anew before its client is told to ask again."""

_REFUSALS = {
    error.code: error
    for error in (
        BoundExceededError(),
        UpstreamMismatchError(),
        UpstreamUnavailableError(retry_seconds=1),
    )
}
"""What answers end in that a base elsewhere made impossible."""


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
        admission: Who may ask, and how often.
        tracing: Where spans go.
        restarts: Whether a whole answer begins anew when its version's time is up.
        webhook_secret: What the registry signs its hints with; None to take none.
        maximum_logprobs: Most alternatives that are told with a token.
        started_at: Moment of start, in seconds since 1970.
    """

    replica: str
    base_model: str
    base: ServedBase
    slot: Slot
    engine: Engine
    watcher: Watcher
    admission: Admission = field(default_factory=Admission)
    tracing: Tracing = field(default_factory=Tracing)
    restarts: bool = False
    webhook_secret: bytes | None = None
    maximum_logprobs: int = MAXIMUM_LOGPROBS
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
            in_flight_by_sequence=self.slot.in_flight_by_sequence,
            last_error=self.watcher.last_error,
            is_best_effort=self.base.is_best_effort,
            is_cut_off=self.slot.is_cut_off,
            restrictions=self.slot.restrictions,
        )


def create_app(service: InferenceService) -> FastAPI:
    """Build the application; it starts and stops what the service runs."""
    meter = service.engine.meter
    meter.watch_slot(
        active=lambda: service.slot.current.sequence,
        in_flight=lambda: service.slot.in_flight,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        """Run engine and watcher as long as the application."""
        service.engine.start()
        await asyncio.to_thread(service.watcher.start)
        yield
        await asyncio.to_thread(service.watcher.stop)
        await asyncio.to_thread(service.engine.stop)
        service.base.close()

    app = FastAPI(title="unlearn inference service", lifespan=lifespan)
    app.add_middleware(Gate, admission=service.admission)
    http_problems.install(app, names=FIELD_NAMES)
    _add_completions(app, service)
    _add_status(app, service)
    if service.webhook_secret:
        add_webhook(app, service.watcher, secret=service.webhook_secret)
    return app


def _add_completions(app: FastAPI, service: InferenceService) -> None:
    @app.post("/v1/completions", response_model=None)
    async def complete(request: CompletionRequest, connection: Request) -> Response:
        """Continue a text."""
        return await _answer(service, request, connection)

    @app.post("/v1/chat/completions", response_model=None)
    async def chat(request: ChatCompletionRequest, connection: Request) -> Response:
        """Answer a conversation."""
        return await _answer(service, request, connection)

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

    @app.get("/metrics")
    async def metrics() -> Response:
        """Tell Prometheus what was counted and timed."""
        return Response(
            service.engine.meter.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4
        )

    @app.get("/state")
    async def state() -> ReplicaStateAnswer:
        """Say which version is served and what still runs."""
        return service.state()


async def _answer(
    service: InferenceService,
    request: CompletionRequest | ChatCompletionRequest,
    connection: Request,
) -> Response:
    if request.model != service.base_model:
        raise UnknownModelError(served=service.base_model)
    question = read_question(
        request,
        tokenizer=service.base.tokenizer,
        limits=Limits(
            maximum_tokens=service.slot.current.law.maximum_tokens,
            vocabulary_size=service.base.vocabulary_size,
            maximum_logprobs=service.maximum_logprobs,
            is_best_effort=service.base.is_best_effort,
        ),
    )
    if request.stream:
        return await _stream(service, question, connection)
    with service.tracing.span("answer", connection.headers) as span:
        span.set(is_streamed=False, prompt_tokens=question.prompt_tokens)
        return await _whole(service, question, connection, span=span)


async def _whole(
    service: InferenceService, question: Question, connection: Request, *, span: Span
) -> Response:
    code = ""
    for _ in range(1 + MAXIMUM_RESTARTS * service.restarts):
        with _lease(service) as version:
            answering = Answering(
                service.engine,
                question,
                version=version,
                tokenizer=service.base.tokenizer,
            )
            try:
                body = await _unless_gone(answering.whole(), connection)
            finally:
                answering.cancel()
        code = answering.failure
        span.set(sequence=version.sequence, error=code)
        if body is not None:
            span.set(completion_tokens=body["usage"]["completion_tokens"])
            return JSONResponse(body, headers=dict(stamp_headers(answering.stamp())))
        if code != FAILURES[FinishReason.RECALLED]:
            break
    return _failure(code)


@contextmanager
def _lease(service: InferenceService) -> Iterator[ServedVersion]:
    """Pin the current version; count the question if there is none for it."""
    try:
        service.slot.check()
    except OffsetRequiredError:
        service.engine.meter.rejected()
        raise
    with service.slot.lease() as version:
        yield version


def _failure(code: str) -> Response:
    """Return the problem of an answer that did not become whole."""
    if code in _REFUSALS:
        return http_problems.refusal(_REFUSALS[code])
    if code == FAILURES[FinishReason.RECALLED]:
        answer = http_problems.problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            code=code,
            detail="The version that answered was replaced; ask again.",
        )
        answer.headers["Retry-After"] = "1"
        return answer
    return http_problems.problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        code=FAILURES[FinishReason.ERROR],
        detail="The answer could not be generated.",
    )


async def _stream(
    service: InferenceService, question: Question, connection: Request
) -> Response:
    with ExitStack() as stack:
        span = stack.enter_context(service.tracing.span("answer", connection.headers))
        version = stack.enter_context(_lease(service))
        span.set(
            is_streamed=True,
            prompt_tokens=question.prompt_tokens,
            sequence=version.sequence,
        )
        answering = Answering(
            service.engine, question, version=version, tokenizer=service.base.tokenizer
        )
        stack.callback(lambda: span.set(error=answering.failure))
        stack.callback(answering.cancel)
        pinned = stack.pop_all()
    return StreamingResponse(
        _Pinned(answering.events(), pinned),
        media_type="text/event-stream",
        headers=dict(stamp_headers(answering.stamp())),
    )


async def _unless_gone(
    answer: Coroutine[Any, Any, dict[str, Any] | None], connection: Request
) -> dict[str, Any] | None:
    """Wait for an answer, but no longer than its client; None if it has left."""

    async def leaves() -> None:
        while (await connection.receive())["type"] != "http.disconnect":
            pass

    answered, gone = asyncio.ensure_future(answer), asyncio.ensure_future(leaves())
    try:
        await asyncio.wait({answered, gone}, return_when=asyncio.FIRST_COMPLETED)
        return answered.result() if answered.done() else None
    finally:
        answered.cancel()
        gone.cancel()


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
