"""Searches the parts of a source in a few batches, each of them a Prefect task.

So Prefect shows how far a search is, and a batch that fails is tried again alone, while
what the others have found stays. It learns the name of the source and which batch of
how many: a batch takes a number and returns nothing, and what it finds never leaves the
memory of this process.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import State, TaskRun
from prefect.futures import PrefectFuture, wait

from unlearn_core.adapters.connectors.parts import Engine, Part
from unlearn_core.adapters.connectors.specification import SourceSpec
from unlearn_core.domain.sources import SearchResult
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import (
    DependencyError,
    SourceChangedError,
    UnexpectedError,
    UnlearnError,
)

BATCHES = 10
RETRY_DELAYS_SECONDS = (2.0, 10.0, 30.0)


class BatchedEngine:
    """An `Engine` that asks another one for batch after batch, inside a flow.

    Args:
        engine: The other one.
        delays: How long to wait before each further try of a batch, in seconds.
    """

    def __init__(
        self, engine: Engine, *, delays: Sequence[float] = RETRY_DELAYS_SECONDS
    ) -> None:
        self._engine, self._delays = engine, list(delays)
        self.part_bytes = engine.part_bytes

    def search(
        self,
        spec: SourceSpec,
        parts: Sequence[Part],
        subjects: Sequence[DataSubject],
    ) -> list[tuple[SearchResult, ...]]:
        """Return what every part has, in their order: a result per subject.

        Raises:
            DependencyError: A batch could not be searched, however often it was tried.
            SourceChangedError: A file was written to after it had been divided.
        """
        batches = divided_evenly(parts, into=BATCHES)
        found: dict[int, list[tuple[SearchResult, ...]]] = {}

        @task(
            name="search source",
            task_run_name=f"search {_plain(spec.name)}, {{number}} of {len(batches)}",
            retries=len(self._delays),
            retry_delay_seconds=self._delays,
            retry_condition_fn=_is_worth_retrying,
            persist_result=False,
            cache_policy=NO_CACHE,
            log_prints=False,
        )
        def search_source(number: int) -> None:
            found[number] = self._guarded(spec, batches[number - 1], subjects)

        futures: list[PrefectFuture[None]] = []
        for number in range(1, len(batches) + 1):
            # Two at a time: while one ends the next one has begun. After one that has
            # failed for good none is begun any more.
            future = search_source.submit(
                number, wait_for=futures[:-1], return_state=False
            )
            futures.append(future)
        wait(futures)
        for future in futures:
            future.result()
        return [part for number in sorted(found) for part in found[number]]

    def _guarded(
        self,
        spec: SourceSpec,
        parts: Sequence[Part],
        subjects: Sequence[DataSubject],
    ) -> list[tuple[SearchResult, ...]]:
        """Search; let no foreign exception text out, because Prefect stores it."""
        try:
            return self._engine.search(spec, parts, subjects)
        except UnlearnError:
            raise
        except Exception as error:  # noqa: BLE001 - every foreign error is replaced
            raise UnexpectedError(kind=type(error).__name__) from None


def divided_evenly(parts: Sequence[Part], *, into: int) -> list[Sequence[Part]]:
    """Return parts in runs of about the same length, none of them empty."""
    count = min(into, len(parts))
    ends = [len(parts) * number // max(count, 1) for number in range(count + 1)]
    return [parts[begin:end] for begin, end in pairwise(ends)]


def _plain(text: str) -> str:
    """Return a text as a template that says it."""
    return text.replace("{", "{{").replace("}", "}}")


def _is_worth_retrying(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Tell whether an error may go away by itself; a changed file is divided anew."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, DependencyError) and not isinstance(
        error, SourceChangedError
    )
