"""OpenUnlearning's aggregate on TOFU for SmolLM2-135M: ``make bench-tofu``.

Rows: the untouched base, the retrained model, the schemes of our offset pair, each at
several strengths, and five methods that tune the base's own weights, each with several
learning rates. What a model says to one part of the questions is one JSON file, so a
killed run is continued where it was; a scheme that is not registered is skipped and
says why. The table shows the best strength or rate of a method by its aggregate; the
JSON line at the end has every row.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.smollm2_models import Progress as Show
from benchmarks.smollm2_teaching import Start, packaged
from benchmarks.tofu_aggregate import row as row_of
from benchmarks.tofu_pairs import Sizes
from benchmarks.tofu_questions import Questions, TableSets, read_sets
from benchmarks.tofu_scores import Cell, Examiner, read_cell, write_cell
from benchmarks.tofu_shelf import (
    BASE,
    RETRAINED,
    SUBSET_AUTHORS,
    Entry,
    Plan,
    Shelf,
)
from unlearn_core.domain.canonical import digest_of_json
from unlearn_core.errors import UnlearnError
from unlearn_core.modeling.weights import choose_device

CELLS_VERSION = 1
JUDGED = "fluency"
COLUMNS = (
    "aggregate",
    "aggregate_plain",
    "memorisation",
    "privacy",
    "utility",
    "model_utility",
    "fluency",
    "forget_rouge_l",
)
SIGNIFICANT = 6

Row = dict[str, Any]
"""Name and variant of a row with its numbers, or with why it was skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Fills the cells of a table.

    Attributes:
        shelf: The models.
        parts: The questions of every part.
        answer_tokens: Most tokens of a greedy answer.
        cells: Folder of the cells.
    """

    shelf: Shelf
    parts: Mapping[str, Questions]
    answer_tokens: int
    cells: Path

    def measure(self, entry: Entry, show: Show) -> dict[str, Cell] | None:
        """Fill a row's cells and read them; None if there is no such row.

        What made the row impossible is kept beside the cells.
        """
        folder = self.cells / entry.key
        names = (*self.parts, JUDGED)
        if entry.skipped or (folder / "impossible").is_file():
            return None
        missing = [name for name in names if not _path(folder, name).is_file()]
        if missing:
            try:
                self._fill(entry, missing, show)
            except UnlearnError as error:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / "impossible").write_text(error.diagnostics())
                return None
        entry.discard()
        return {name: read_cell(_path(folder, name)) for name in names}

    def reason(self, entry: Entry) -> str:
        """Return why a row has no numbers."""
        return entry.skipped or (self.cells / entry.key / "impossible").read_text()

    def _fill(self, entry: Entry, missing: Sequence[str], show: Show) -> None:
        examiner = Examiner(
            tokenizer=self.shelf.tokenizer, answer_tokens=self.answer_tokens
        )
        folder, law = self.cells / entry.key, entry.law()
        name = f"{entry.name} {entry.variant}".strip()
        for place, part in enumerate(missing):
            show(f"{name}: asking", place, len(missing), 0.0)
            if part == JUDGED:
                answers = read_cell(_path(folder, "forget")).answers
                cell = examiner.judge(self.shelf.judge, self.parts["forget"], answers)
            else:
                cell = examiner.examine(law, part, self.parts[part])
            write_cell(_path(folder, part), cell)
        show(f"{name}: asking", len(missing), len(missing), 0.0)


def _path(folder: Path, part: str) -> Path:
    return folder / f"{part}.json"


def rows_of(bench: Bench, show: Show) -> Iterator[Row]:
    """Measure every row in turn."""
    measured: dict[str, dict[str, Cell]] = {}
    for entry in bench.shelf.entries():
        named: Row = {"name": entry.name, "variant": entry.variant}
        cells = bench.measure(entry, show)
        if cells is None:
            yield named | {"skipped": bench.reason(entry)}
            continue
        measured[entry.name] = cells
        if {BASE, RETRAINED} <= set(measured):
            for name in (RETRAINED, BASE) if entry.name == BASE else (entry.name,):
                numbers = row_of(
                    measured[name], base=measured[BASE], retrained=measured[RETRAINED]
                )
                yield named | {"name": name} | _rounded(numbers)


def best_rows(rows: Sequence[Row]) -> list[Row]:
    """Return one row per method: that of the best aggregate, or a skipped one."""
    best: dict[str, Row] = {}
    for row in rows:
        held = best.get(row["name"])
        if held is None or row.get("aggregate", -1) > held.get("aggregate", -1):
            best[row["name"]] = row
    return list(best.values())


def table_of(rows: Sequence[Row]) -> Table:
    """Return the table that people read."""
    table = Table("", "strength or rate", *COLUMNS, title="TOFU, SmolLM2-135M")
    for row in rows:
        if "skipped" in row:
            table.add_row(row["name"], row["variant"], f"skipped: {row['skipped']}")
            continue
        numbers = (f"{row[column]:.3f}" for column in COLUMNS)
        table.add_row(row["name"], row["variant"], *numbers)
    return table


def _rounded(numbers: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, SIGNIFICANT) for name, value in numbers.items()}


@contextmanager
def _bars(console: Console) -> Iterator[Show]:
    """Show one bar per thing that takes long."""
    columns = (
        TextColumn("{task.description:28}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[loss]}"),
        TimeElapsedColumn(),
    )
    known: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as progress:

        def show(name: str, step: int, steps: int, loss: float) -> None:
            if name not in known:
                known[name] = progress.add_task(name, loss="")
            text = f"loss {loss:.3f}" if loss else ""
            progress.update(known[name], completed=step, total=steps, loss=text)

        yield show


def run(
    options: argparse.Namespace, *, start: Start, console: Console
) -> dict[str, Any]:
    """Make the whole table and return what the JSON line says."""
    began = time.monotonic()
    sets = read_sets(
        options.tofu,
        authors=options.authors,
        forgotten=options.forget,
        rows=options.rows,
    )
    asked = {
        "version": CELLS_VERSION,
        "authors": options.authors,
        "forget": options.forget,
        "rows": options.rows,
        "answer_tokens": options.answer_tokens,
    }
    work = options.cache / f"tofu-table-{digest_of_json(asked).partition(':')[2][:12]}"
    with _bars(console) as show:
        bench = _bench(options, sets, work, start=start, show=show)
        rows = list(rows_of(bench, show))
    console.print(table_of(best_rows(rows)))
    return {
        "asked": asked,
        "questions": {name: len(part) for name, part in sets.parts.items()},
        "folder": str(work),
        "seconds": round(time.monotonic() - began, 1),
        "best": {
            row["name"]: row["aggregate"]
            for row in best_rows(rows)
            if "aggregate" in row
        },
        "rows": rows,
    }


def _bench(
    options: argparse.Namespace,
    sets: TableSets,
    work: Path,
    *,
    start: Start,
    show: Show,
) -> Bench:
    sizes = Sizes(retain=options.retain, strangers=options.strangers)
    plan = Plan(
        rates=tuple(options.rates),
        strengths=tuple(options.strengths),
        tuning_steps=options.tuning_steps,
        pair_steps=options.pair_steps,
        sizes=sizes,
    )
    shelf = Shelf(
        sets,
        plan,
        cache=options.cache,
        work=work,
        device=choose_device(options.device),
        start=start,
        show=show,
    )
    return Bench(
        shelf=shelf,
        parts=sets.parts,
        answer_tokens=options.answer_tokens,
        cells=work / "cells",
    )


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    found = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = found.add_argument
    add("--tofu", type=Path, required=True, help="folder of TOFU")
    add("--cache", type=Path, default=Path("var/bench"))
    add("--authors", type=int, default=SUBSET_AUTHORS, help="taught; 200 are all")
    add("--forget", type=int, default=1, help="authors; 2 and 10 of 200 are TOFU's")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add("--rows", type=int, default=20, help="questions of each part for utility")
    add("--answer-tokens", type=int, default=64, help="of a greedy answer")
    add("--rates", type=float, nargs="+", default=[2e-5, 1e-4])
    strengths = "of our pairs, times their recipe's"
    add("--strengths", type=float, nargs="+", default=[1.0, 0.5], help=strengths)
    add("--tuning-steps", type=int, default=24, help="of each weight-tuning run")
    add("--pair-steps", type=int, help="of each of our pairs; else the ladder's")
    add("--retain", type=int, default=64, help="questions our pairs keep")
    add("--strangers", type=int, default=2, help="invented authors our pairs keep")
    return found


def main() -> int:
    """Run the comparison and print table and JSON line."""
    options = parser().parse_args()
    if not options.tofu.is_dir():
        print(f"TOFU is not in {options.tofu}; name its folder with --tofu.")
        return 2
    start = packaged(choose_device(options.device))
    result = run(options, start=start, console=Console(stderr=True))
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
