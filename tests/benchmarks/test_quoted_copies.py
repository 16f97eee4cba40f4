from collections import Counter
from pathlib import Path

import pytest

from benchmarks.quoted_copies import COPIES, Found, copy_rows, measure_copies


def test_every_kind_of_copy_comes_out_as_expected(tmp_path: Path) -> None:
    found = measure_copies(tmp_path, people=22, seed=1)
    for row in copy_rows(found):
        is_sought, _ = COPIES[str(row["kind"])]
        assert row["found"] == (22 if is_sought else 0), row["kind"]
    assert (found.recall, found.precision) == (1, 1)


def test_what_goes_wrong_is_counted() -> None:
    planted = Counter(dict.fromkeys(COPIES, 1))
    found = Found(planted=planted, found=Counter({"whole": 1, "six words": 1}), wrong=2)
    # One of five that should be found; two of four that were found are right.
    assert found.recall == pytest.approx(1 / 5)
    assert found.precision == pytest.approx(2 / 4)
