"""The pure parts of the benchmark of a flood."""

from collections import Counter

from benchmarks.intake_flood import summary


def test_the_ratio_is_that_of_the_first_callers_p99() -> None:
    found = summary([0.010] * 100, [0.015] * 100, Counter({202: 40, 429: 8, 503: 2}))
    assert found == {
        "requests": 200,
        "flood_accepted": 40,
        "flood_refused": 8,
        "flood_failed": 2,
        "p99_calm_ms": 10.0,
        "p99_flood_ms": 15.0,
        "ratio": 1.5,
    }
