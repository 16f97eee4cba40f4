"""Traces of answers and of changes of version, for OpenTelemetry.

They go to whatever the operator has set up for the process, such as with
``opentelemetry-instrument``; without that they go nowhere.
A span tells numbers, codes and versions, never a text: `FACTS` is all there is.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import propagate, trace

FACTS = frozenset(
    {
        "completion_tokens",
        "error",
        "is_streamed",
        "prompt_tokens",
        "sequence",
    }
)
"""Names of what a span may tell, with ``unlearn.`` before them."""

Fact = int | str | bool


class Span:
    """A piece of work that is being timed."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set(self, **facts: Fact) -> None:
        """Tell what is on the list and not empty."""
        for name in FACTS & facts.keys():
            if facts[name] != "":
                self._span.set_attribute(f"unlearn.{name}", facts[name])


class Tracing:
    """Starts spans.

    Args:
        provider: Where they go; None for what the process was set up with.
    """

    def __init__(self, provider: trace.TracerProvider | None = None) -> None:
        self._provider = provider

    @contextmanager
    def span(
        self, name: str, headers: Mapping[str, str] | None = None
    ) -> Iterator[Span]:
        """Time a piece of work, as part of the trace that a caller's headers name.

        An error is named by its kind, without its text. The span is not made the
        current one, since streams of one thread take turns.
        """
        tracer = trace.get_tracer("unlearn", tracer_provider=self._provider)
        span = tracer.start_span(
            name, context=propagate.extract(headers) if headers else None
        )
        told = Span(span)
        try:
            yield told
        except Exception as error:
            told.set(error=type(error).__name__)
            raise
        finally:
            span.end()
