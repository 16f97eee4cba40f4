"""The pure part of the comparison of records by influence."""

import pytest

from benchmarks.influence import quality


def test_records_are_ranked_by_influence() -> None:
    """Of two own records one is first and one third: 3 of 4 pairs are in order."""
    values = {("a", "1"): 0.9, ("a", "2"): 0.4, ("b", "1"): 0.6, ("b", "2"): 0.1}
    found = quality(values, frozenset({("a", "1"), ("a", "2")}))
    assert found == {"auc": pytest.approx(3 / 4), "first": pytest.approx(1 / 2)}
