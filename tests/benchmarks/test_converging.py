import pytest

from benchmarks.converging import Record, run, too_early
from benchmarks.swapping import Answer


def answer(sequence: int, *chunks: float) -> Answer:
    return Answer(
        prompt="?", required=0, sequences={sequence}, chunks=list(chunks), is_whole=True
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (answer(1, 1.0, 4.9), 0),
        (answer(1, 1.0, 5.1), 1),  # version 2 was effective at 5
        (answer(2, 1.0, 5.1), 0),
        (answer(1, 1.0, 9.1), 2),  # and version 3 at 9
        (answer(1), 0),
    ],
)
def test_what_an_older_version_says_afterwards_is_too_early(
    given: Answer, expected: int
) -> None:
    record = Record(answers=[given], effective={2: 5.0, 3: 9.0})
    assert too_early(record) == expected


@pytest.mark.integration
def test_a_version_is_effective_when_no_replica_says_anything_older() -> None:
    told = run(versions=3)
    assert told["answers"] > 10
    assert told["effective_too_early"] == 0
    assert set(told["converged_s"]["with_a_restart"]) == {"p50", "p99", "max"}
    assert told["converged_s"]["with_a_restart"]["p50"] >= 0.5
