from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from support.serving import ServingWorld

from unlearn_core.serving.app import create_app
from unlearn_core.serving.traces import Tracing

CANARY = "Ottilie Quastenflosser"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collected:
    """Traces that are kept in memory."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self.tracing = Tracing(provider)

    @property
    def told(self) -> list[tuple[str, dict[str, Any]]]:
        """Return names and facts of all spans that have ended."""
        return [
            (span.name, dict(span.attributes or {}))
            for span in self._spans.get_finished_spans()
        ]

    def trace_ids(self) -> list[str]:
        """Return the traces that the spans belong to."""
        contexts = [span.context for span in self._spans.get_finished_spans()]
        return [format(context.trace_id, "032x") for context in contexts if context]


def test_a_span_tells_what_is_on_the_list_and_nothing_else() -> None:
    collected = Collected()
    with collected.tracing.span("answer") as span:
        span.set(sequence=3, prompt=CANARY, error="")
        assert collected.told == []
    assert collected.told == [("answer", {"unlearn.sequence": 3})]


def test_an_error_is_named_without_its_text() -> None:
    collected = Collected()
    with pytest.raises(LookupError), collected.tracing.span("load_version"):
        raise LookupError(CANARY)
    assert collected.told == [("load_version", {"unlearn.error": "LookupError"})]


def test_without_a_set_up_spans_go_nowhere() -> None:
    with Tracing().span("answer") as span:
        span.set(sequence=3)


@pytest.mark.integration
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_is_one_span_of_its_caller_s_trace(
    tmp_path: Path, *, stream: bool
) -> None:
    collected, world = Collected(), ServingWorld(tmp_path)
    service = replace(world.replica(), tracing=collected.tracing)
    body = {
        "model": "small-world",
        "prompt": CANARY,
        "max_tokens": 4,
        "temperature": 0,
        "stream": stream,
    }
    headers = {"traceparent": PARENT}
    with TestClient(create_app(service)) as client:
        assert client.post("/v1/completions", json=body, headers=headers).is_success
        world.promote(1)
        world.expire()
        service.watcher.look()
        assert client.post("/v1/completions", json=body).status_code == 503
    (name, facts), (_, refused) = collected.told
    assert name == "answer"
    whole = {} if stream else {"unlearn.completion_tokens": 4}
    assert facts == whole | {
        "unlearn.is_streamed": stream,
        "unlearn.prompt_tokens": len(CANARY),
        "unlearn.sequence": 0,
    }
    assert collected.trace_ids()[0] == PARENT.split("-")[1]
    assert refused["unlearn.error"] == "OffsetRequiredError"
    assert CANARY not in str(collected.told)


@pytest.mark.integration
def test_a_change_of_version_is_a_span(tmp_path: Path) -> None:
    collected, world = Collected(), ServingWorld(tmp_path)
    watcher = world.replica().watcher
    watcher._tracing = collected.tracing
    world.promote(1)
    watcher.look()
    assert collected.told == [("load_version", {"unlearn.sequence": 1})]
