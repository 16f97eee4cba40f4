"""A search in batches, under a real Prefect server."""

from collections.abc import Sequence

import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from support.sources import ADA, source_spec, subject

from unlearn_core.adapters.batched_engine import BatchedEngine, divided_evenly
from unlearn_core.adapters.connectors.parts import Part, whole
from unlearn_core.adapters.connectors.specification import SourceSpec
from unlearn_core.adapters.dask_engine import ClusterUnavailableError
from unlearn_core.domain.sources import SearchResult
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import SourceChangedError, UnexpectedError

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("prefect_server")]

PARTS = whole(f"{number:02}.jsonl" for number in range(25))
NUMBERS = {part.name: number for number, part in enumerate(PARTS)}


class CountingEngine:
    """An engine that has searched as many records in a part as the part's number.

    Args:
        errors: What it raises, one after the other, when it comes to a part.
    """

    part_bytes = 7

    def __init__(self, **errors: list[Exception]) -> None:
        self.asked: list[str] = []
        self._errors = errors

    def search(
        self,
        spec: SourceSpec,
        parts: Sequence[Part],
        subjects: Sequence[DataSubject],
    ) -> list[tuple[SearchResult, ...]]:
        """Return what every part has."""
        self.asked.append(parts[0].name)
        for part in parts:
            if errors := self._errors.get(f"at_{NUMBERS[part.name]}"):
                raise errors.pop(0)
        return [
            tuple(
                SearchResult(
                    source=spec.name,
                    records=(),
                    searched=NUMBERS[part.name],
                    unreadable=0,
                )
                for _ in subjects
            )
            for part in parts
        ]


def searched(engine: CountingEngine) -> list[int]:
    """Search as the flow does: in a task, with batches that are tasks themselves."""
    batched = BatchedEngine(engine, delays=(0, 0, 0))
    assert batched.part_bytes == engine.part_bytes
    found: list[tuple[SearchResult, ...]] = []

    @task(name="locate", persist_result=False)
    def locate() -> None:
        found.extend(batched.search(source_spec(), PARTS, [subject()]))

    @flow(name="story", persist_result=False)
    def story() -> None:
        locate()

    story()
    return [result.searched for (result,) in found]


def test_parts_are_found_in_order_and_prefect_shows_how_far_a_search_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = CountingEngine()
    assert searched(engine) == list(range(25))
    assert sorted(engine.asked) == [
        *("00.jsonl", "02.jsonl", "05.jsonl", "07.jsonl", "10.jsonl"),
        *("12.jsonl", "15.jsonl", "17.jsonl", "20.jsonl", "22.jsonl"),
    ]
    assert {run for run in ended(caplog) if run.startswith("search")} == {
        f"search customers, {number} of 10" for number in range(1, 11)
    }


def ended(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the tasks of whose end the flow's log tells, by their names."""
    return [
        vars(record)["task_run_name"]
        for record in caplog.records
        if record.getMessage() == "Finished in state Completed()"
        and "task_run_name" in vars(record)
    ]


def test_a_batch_that_fails_is_tried_again_alone() -> None:
    engine = CountingEngine(
        at_13=[ClusterUnavailableError(problem="away"), ClusterUnavailableError()]
    )
    assert searched(engine) == list(range(25))
    assert engine.asked.count("12.jsonl") == 3
    assert len(engine.asked) == 12


def test_a_batch_that_keeps_failing_ends_the_search() -> None:
    engine = CountingEngine(at_13=[ClusterUnavailableError() for _ in range(9)])
    with pytest.raises(ClusterUnavailableError):
        searched(engine)
    assert engine.asked.count("12.jsonl") == 4


def test_a_file_that_was_written_to_is_not_searched_by_the_same_parts_again() -> None:
    engine = CountingEngine(at_3=[SourceChangedError(source="customers")])
    with pytest.raises(SourceChangedError):
        searched(engine)
    assert engine.asked.count("02.jsonl") == 1
    # Of the others, only those that had begun by then.
    assert set(engine.asked) <= {"00.jsonl", "02.jsonl", "05.jsonl"}


def test_prefect_learns_nothing_about_whom_is_searched_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = CountingEngine(at_20=[ValueError(f"about {ADA['name']}")] * 4)
    with pytest.raises(UnexpectedError):
        searched(engine)
    with get_client(sync_client=True) as client:
        known = [item.model_dump_json() for item in client.read_task_runs()]
        known += [item.model_dump_json() for item in client.read_logs()]
    told = "\n".join([caplog.text, *map(str, map(vars, caplog.records)), *known])
    assert "search customers, 9 of 10" in told
    assert [value for value in ADA.values() if value in told] == []


@pytest.mark.parametrize(
    ("count", "lengths"), [(1, [1]), (3, [1, 1, 1]), (11, [1] * 9 + [2]), (0, [])]
)
def test_batches_are_about_as_long_as_one_another(
    count: int, lengths: list[int]
) -> None:
    batches = divided_evenly(PARTS[:count], into=10)
    assert [len(batch) for batch in batches] == lengths
    assert [part for batch in batches for part in batch] == PARTS[:count]
