from collections import Counter
from pathlib import Path

import pytest

from benchmarks.collect_quality import Quality, measure, rows
from benchmarks.mentions import KINDS, Expected


def test_every_kind_has_a_row_and_comes_out_as_expected(tmp_path: Path) -> None:
    quality = measure(tmp_path, people=10, each=5, seed=3)
    assert [row["kind"] for row in rows(quality)] == list(KINDS)
    for row in rows(quality):
        assert row[KINDS[str(row["kind"])].expected.value] == row["planted"] == 5
    assert (quality.recall, quality.recall_of_names, quality.precision) == (1, 1, 1)
    assert quality.namesakes_erased == 0


def test_what_goes_wrong_is_counted() -> None:
    quality = Quality(wrong=2)
    quality.found["e-mail"] = Counter({Expected.CERTAIN: 6, Expected.MISSED: 2})
    quality.found["namesake"] = Counter({Expected.CERTAIN: 1, Expected.REVIEW: 3})
    quality.found["initial"] = Counter({Expected.MISSED: 4})
    assert quality.recall == pytest.approx(6 / 8)
    assert quality.recall_of_names == pytest.approx(1 / 2)
    assert quality.precision == pytest.approx(6 / 9)
    assert quality.namesakes_erased == 1
