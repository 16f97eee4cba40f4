import pytest

from benchmarks.outsider import difference_of_capped


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # Shown by both: the difference itself.
        ({"a": -1.0}, {"a": -3.0}, {"a": 2.0}),
        # Not shown: as likely as the least likely one that is shown.
        ({"a": -1.0, "b": -2.0}, {"a": -4.0}, {"a": 3.0, "b": 2.0}),
        ({"a": -1.0}, {"a": -0.5, "c": -3.0}, {"a": -0.5, "c": 2.0}),
        # Where an answer ends, nothing is shown.
        ({}, {"a": -1.0}, {}),
        ({"a": -1.0}, {}, {}),
    ],
)
def test_of_two_looks_no_more_is_taken_than_they_show(
    first: dict[str, float], second: dict[str, float], expected: dict[str, float]
) -> None:
    assert difference_of_capped(first, second) == expected
