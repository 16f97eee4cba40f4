"""What a replica tells Prometheus: ``GET /metrics``.

Names are vLLM's with another prefix, so that dashboards for one fit the other, and
some of our own that begin with ``offset``. No label and no value comes from a question.
"""

import time
from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from unlearn_core.serving.jobs import Event, FinishReason, Job, Token

PREFIX = "unlearn:"
SHORT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
LONG_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Meter:
    """Counts and times what one replica does.

    Attributes:
        registry: The metrics, nobody else's among them.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._running = self._gauge("num_requests_running", "Answers in a batch.")
        self._waiting = self._gauge("num_requests_waiting", "Answers in the queue.")
        self._first = self._histogram(
            "time_to_first_token_seconds", "From question to first token.", LONG_SECONDS
        )
        self._between = self._histogram(
            "inter_token_latency_seconds", "From token to token.", SHORT_SECONDS
        )
        self._whole = self._histogram(
            "e2e_request_latency_seconds", "From question to end.", LONG_SECONDS
        )
        self._prompt = self._counter("prompt_tokens", "Tokens of prompts.")
        self._generated = self._counter("generation_tokens", "Tokens handed out.")
        self._ended = self._counter(
            "request_success", "Answers by how they ended.", "finished_reason"
        )
        self._active = self._gauge("offset_active_version", "Sequence that is served.")
        self._in_flight = self._gauge(
            "offset_inflight", "Requests that hold a version."
        )
        self._polled = self._gauge(
            "offset_last_poll_success_timestamp",
            "Last look without an error, as a time.",
        )
        self._loaded = self._histogram(
            "offset_swap_seconds",
            "From fetching a version to serving it.",
            LONG_SECONDS,
        )
        self._refused = self._counter(
            "offset_verify_failures", "Looks that ended in an error.", "reason"
        )
        self._rejected = self._counter(
            "offset_rejected_requests", "Questions without the version for them."
        )

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def watch_engine(
        self, *, running: Callable[[], int], waiting: Callable[[], int]
    ) -> None:
        """Say where the lengths of batch and queue come from."""
        self._running.set_function(running)
        self._waiting.set_function(waiting)

    def watch_slot(
        self, *, active: Callable[[], int], in_flight: Callable[[], int]
    ) -> None:
        """Say where the served version and its requests come from."""
        self._active.set_function(active)
        self._in_flight.set_function(in_flight)

    def watch(self, job: Job) -> None:
        """Time a job; what it hands out is unchanged."""
        asked = latest = time.perf_counter()
        has_begun = False
        emit = job.emit
        self._prompt.inc(len(job.prompt))

        def timed(event: Event) -> None:
            nonlocal latest, has_begun
            now = time.perf_counter()
            if isinstance(event, Token):
                self._generated.inc()
                (self._between if has_begun else self._first).observe(now - latest)
                latest, has_begun = now, True
            else:
                self._end(event, seconds=now - asked)
            emit(event)

        job.emit = timed

    def looked(self) -> None:
        """Note that the registry was looked at without an error."""
        self._polled.set_to_current_time()

    def loaded(self, *, seconds: float) -> None:
        """Note that a version was fetched, checked, loaded and exchanged."""
        self._loaded.observe(seconds)

    def refused(self, code: str) -> None:
        """Note that a look ended in an error."""
        self._refused.labels(code).inc()

    def rejected(self) -> None:
        """Note that a question could not be answered with the offset it needs."""
        self._rejected.inc()

    def _end(self, reason: FinishReason, *, seconds: float) -> None:
        self._ended.labels(reason.value).inc()
        self._whole.observe(seconds)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(PREFIX + name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(PREFIX + name, text, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(PREFIX + name, text, buckets=buckets, registry=self.registry)
