import io
import json
from argparse import Namespace
from pathlib import Path

import pytest
from rich.console import Console
from support.tofu import start_tiny, write_tofu
from transformers import PreTrainedModel

from benchmarks.tofu_table import Row, best_rows, parser, run, table_of

METHODS = ("graddiff", "npo", "simnpo", "rmu", "undial")


def options_for(folder: Path) -> Namespace:
    """Return options with which everything takes a few steps."""
    words = (
        f"--tofu {folder / 'tofu'} --cache {folder / 'bench'} --authors 3 --forget 1"
        " --device cpu --rows 2 --answer-tokens 3 --rates 1e-3 --tuning-steps 2"
        " --pair-steps 2 --retain 3 --strangers 1"
    )
    return parser().parse_args(words.split())


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


@pytest.mark.integration
def test_a_killed_run_is_continued_with_the_same_numbers(tmp_path: Path) -> None:
    write_tofu(tmp_path / "tofu")
    options = options_for(tmp_path)
    first = run(options, start=start_tiny, console=quiet())
    rows = {row["name"]: row for row in first["rows"]}

    assert list(rows)[:5] == ["retrained", "base", "delta", "divergence", "assistant"]
    assert set(METHODS) < set(rows)
    assert rows["retrained"]["privacy"] == 1.0
    assert set(first["best"]) == set(rows)
    json.dumps(first)

    work = Path(first["folder"])
    delta = [row["variant"] for row in first["rows"] if row["name"] == "delta"]
    assert delta == ["1.1", "0.55"]
    assert len(list((work / "models").glob("delta-*"))) == 1
    assert len(list((work / "cells").glob("delta-*"))) == 2

    tuned = next((work / "cells").glob("npo-*"))
    (tuned / "holdout.json").unlink()
    (tuned / "fluency.json").unlink()
    assert not list((work / "models").glob("npo-*"))

    def refuse(_folder: Path) -> PreTrainedModel:
        pytest.fail("a taught model was taught again")

    again = run(options, start=refuse, console=quiet())

    assert again["rows"] == first["rows"]


def test_a_method_shows_its_best_rate() -> None:
    rows: list[Row] = [
        {"name": "npo", "variant": "2e-05", "aggregate": 0.1},
        {"name": "npo", "variant": "0.0001", "aggregate": 0.4},
        {"name": "rmu", "variant": "0.0001", "skipped": "diverged"},
        {"name": "rmu", "variant": "2e-05", "aggregate": 0.0},
        {"name": "divergence", "variant": "", "skipped": "not registered"},
    ]

    assert [(row["name"], row["variant"]) for row in best_rows(rows)] == [
        ("npo", "0.0001"),
        ("rmu", "2e-05"),
        ("divergence", ""),
    ]
    console = quiet()
    console.print(table_of([rows[4]]))
    assert isinstance(console.file, io.StringIO)
    assert "skipped: not registered" in console.file.getvalue()
