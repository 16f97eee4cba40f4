"""How fast and how well are people found in a corpus? ``make bench-collect``.

A JSON lines corpus of chatter is generated, in which some lines mention people who are
searched for. It is then searched for 1 and for 1,000 identifiers, beside ``ripgrep -F``
for the same strings on the same files, by turns. Ripgrep compares bytes; the search of
this project folds spelling and returns records, and builds what it needs for that
within the measured time. Speeds are in MB (10^6 bytes) per second of processor time, so
that neither gains by more cores.

What one identifier costs depends on its kind: the one that is compared with ripgrep and
with the thousand is an e-mail address, the cheapest. One of each other kind, of which
the thousand have as many, is measured beside it.

    python -m benchmarks.collect --megabytes 2048

Further files of the corpus are copies of the first. The Parquet row is some of the
texts in Parquet, counted as they were in JSON. The cluster row is the JSON lines again,
searched by two workers of Dask on this machine. Quality is measured by
`benchmarks.collect_quality`. It ends with one JSON line.
"""

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import mean, median

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.collect_cluster import search_on_cluster
from benchmarks.collect_quality import Quality, corpus_spec, measure, rows
from benchmarks.mentions import Expected, chatter, invent, plant
from benchmarks.near_copies import measure_near_copies, near_rows
from benchmarks.quoted_copies import copy_rows, measure_copies
from unlearn_core.adapters.connectors.jsonl import JsonLinesConnector
from unlearn_core.adapters.connectors.parquet import ParquetConnector
from unlearn_core.domain.subjects import DataSubject, IdentifierKind

MEGABYTE = 1_000_000
FILE_MEGABYTES = 256
LINES_PER_MENTION = 2000
PEOPLE = 250
"""Each has a name, a mailbox, a telephone and a customer number."""

KINDS = {
    "email": IdentifierKind.EMAIL,
    "name": IdentifierKind.NAME,
    "phone": IdentifierKind.PHONE,
    "number": IdentifierKind.CUSTOMER_NUMBER,
}
ALL = str(4 * PEOPLE)
TOOLS = ("ripgrep", "jsonl", "parquet", "cluster")
ROUNDS = 3
PARQUET_MEGABYTES = 200

Step = tuple[str, str]
"""A program, and what it looks for: a kind of which there is one, or `ALL`."""

Figures = Mapping[Step, Mapping[str, float]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark, or one search in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=2048)
    parser.add_argument("--folder", type=Path, default=Path("var/bench-collect"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--search", choices=TOOLS[1:])
    parser.add_argument("--sought", choices=(*KINDS, ALL), default="email")
    options = parser.parse_args(arguments)
    if options.search:
        search(options.folder, options.search, options.sought, seed=options.seed)
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    result = compare(
        options.folder,
        megabytes=options.megabytes,
        rounds=options.rounds,
        seed=options.seed,
    )
    sys.stdout.write(json.dumps(result) + "\n")


def compare(
    folder: Path, *, megabytes: int, rounds: int, seed: int
) -> dict[str, object]:
    """Generate the corpus and measure everything."""
    console = Console(stderr=True)
    with Progress(console=console) as progress:
        generate(folder / "jsonl", megabytes=megabytes, seed=seed, progress=progress)
        convert(folder, megabytes=PARQUET_MEGABYTES)
        steps = [
            (tool, sought)
            for _ in range(rounds)
            for sought in (*KINDS, ALL)
            for tool in TOOLS
        ]
        runs = [
            (step, run(*step, folder=folder, seed=seed))
            for step in progress.track(steps, description="search")
        ]
    figures = {
        step: {
            name: median(run[name] for at, run in runs if at == step)
            for name in ("mb_per_s", "seconds", "peak_mb", "found")
        }
        for step in dict.fromkeys(steps)
    }
    quality = measure(folder, people=300, each=300, seed=seed)
    copies = measure_copies(folder, people=100, seed=seed)
    near = measure_near_copies(folder, people=60, seed=seed)
    _show(console, figures, rows(quality), copy_rows(copies), near_rows(near))
    return summary(figures, quality, megabytes=megabytes) | {
        "recall_of_quotes": round(copies.recall, 4),
        "precision_of_quotes": round(copies.precision, 4),
        "recall_of_near_copies": round(near.recall, 4),
        "precision_of_near_copies": round(near.precision, 4),
    }


def summary(figures: Figures, quality: Quality, *, megabytes: int) -> dict[str, object]:
    """Return what the JSON line says."""
    one, many = figures["jsonl", "email"], figures["jsonl", ALL]
    each = [1 / figures["jsonl", kind]["mb_per_s"] for kind in KINDS]
    return {
        "megabytes": megabytes,
        "ratio_one_to_ripgrep": round(
            one["mb_per_s"] / figures["ripgrep", "email"]["mb_per_s"], 3
        ),
        "ratio_1000_to_one": round(one["mb_per_s"] / many["mb_per_s"], 3),
        "ratio_1000_to_one_of_any_kind": round(1 / many["mb_per_s"] / mean(each), 3),
        "ratio_1000_to_one_of": {
            kind: round(figures["jsonl", kind]["mb_per_s"] / many["mb_per_s"], 3)
            for kind in KINDS
        },
        "peak_mb": round(
            max(figures[key]["peak_mb"] for key in figures if key[0] != "ripgrep")
        ),
        "mb_per_s": {
            f"{tool} {sought}": round(values["mb_per_s"])
            for (tool, sought), values in figures.items()
        },
        "recall": round(quality.recall, 4),
        "recall_of_names": round(quality.recall_of_names, 4),
        "precision": round(quality.precision, 4),
        "namesakes_erased": quality.namesakes_erased,
    }


def identifiers(sought: str, *, seed: int) -> tuple[list[DataSubject], list[str]]:
    """Return whom to search for, and the same identifiers as they are written."""
    people = invent(PEOPLE, seed=seed)[: None if sought == ALL else 1]
    kinds = KINDS.values() if sought == ALL else (KINDS[sought],)
    subjects = [
        replace(
            person.subject,
            identifiers=tuple(
                item for item in person.subject.identifiers if item.kind in kinds
            ),
        )
        for person in people
    ]
    names = KINDS if sought == ALL else (sought,)
    return subjects, [getattr(person, name) for person in people for name in names]


def generate(folder: Path, *, megabytes: int, seed: int, progress: Progress) -> None:
    """Write the corpus, unless it is there."""
    done = folder / "_generated"
    label = f"{megabytes} {seed}"
    if done.is_file() and done.read_text() == label:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    draw = random.Random(seed)
    sentences = chatter(draw, sentences=5000)
    mentions = [
        text for _, _, text in plant(invent(PEOPLE, seed=seed), each=50, seed=seed)
    ]
    bar = progress.add_task("generate", total=megabytes)
    number = 0
    for part in range(-(-megabytes // FILE_MEGABYTES)):
        size = min(FILE_MEGABYTES, megabytes - part * FILE_MEGABYTES) * MEGABYTE
        if part and size == FILE_MEGABYTES * MEGABYTE:
            shutil.copyfile(folder / "part-000.jsonl", folder / f"part-{part:03}.jsonl")
            progress.advance(bar, FILE_MEGABYTES)
            continue
        with (folder / f"part-{part:03}.jsonl").open("w", encoding="utf-8") as file:
            while file.tell() < size:
                lines = []
                for _ in range(1000):
                    said = " ".join(draw.choices(sentences, k=12))
                    if number % LINES_PER_MENTION == 0:
                        said += " " + draw.choice(mentions)
                    lines.append(
                        json.dumps(
                            {"id": f"r-{number}", "text": said}, ensure_ascii=False
                        )
                    )
                    number += 1
                file.write("\n".join(lines) + "\n")
        progress.advance(bar, size / MEGABYTE)
    done.write_text(label)


def convert(folder: Path, *, megabytes: int) -> None:
    """Write a part of the corpus as Parquet, unless it is there."""
    target = folder / "parquet"
    label = f"{megabytes} of " + (folder / "jsonl" / "_generated").read_text()
    done = target / "_generated"
    if done.is_file() and done.read_text() == label:
        return
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    schema = pa.schema({"id": pa.string(), "text": pa.string()})
    with (
        pq.ParquetWriter(target / "part-000.parquet", schema) as writer,
        (folder / "jsonl" / "part-000.jsonl").open(encoding="utf-8") as file,
    ):
        written = 0
        while written < megabytes * MEGABYTE and (lines := list(islice(file, 10_000))):
            written += sum(map(len, lines))
            writer.write_table(
                pa.Table.from_pylist(list(map(json.loads, lines)), schema)
            )
    (target / "_bytes").write_text(str(written))
    done.write_text(label)


def run(tool: str, sought: str, *, folder: Path, seed: int) -> dict[str, float]:
    """Search once in a process of its own; return speed, time, memory and hits."""
    files = sorted((folder / "jsonl").glob("*.jsonl"))
    size = sum(path.stat().st_size for path in files)
    if tool == "ripgrep":
        return run_ripgrep(files, identifiers(sought, seed=seed)[1], folder=folder)
    if tool == "parquet":
        size = int((folder / "parquet" / "_bytes").read_text())
    done = subprocess.run(  # noqa: S603 - this program
        [
            sys.executable,
            "-m",
            "benchmarks.collect",
            "--folder",
            folder,
            "--search",
            tool,
            "--sought",
            sought,
            "--seed",
            str(seed),
        ],
        check=True,
        capture_output=True,
    )
    told: dict[str, float] = json.loads(done.stdout)
    return {**told, "mb_per_s": size / MEGABYTE / told.pop("processor")}


def run_ripgrep(
    files: Sequence[Path], wanted: Sequence[str], *, folder: Path
) -> dict[str, float]:
    """Search once with ripgrep, on one core."""
    size = sum(path.stat().st_size for path in files)
    strings = folder / "strings.txt"
    strings.write_text("\n".join(wanted) + "\n")
    before, began = (
        resource.getrusage(resource.RUSAGE_CHILDREN),
        time.perf_counter(),
    )
    found = subprocess.run(  # noqa: S603 - a fixed program
        [_ripgrep(), "-j1", "-F", "-c", "--no-filename", "-f", strings, *files],
        check=False,
        capture_output=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.perf_counter() - began
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    hits = sum(map(int, found.stdout.split()))
    return {
        "mb_per_s": size / MEGABYTE / processor,
        "seconds": seconds,
        "peak_mb": 0,
        "found": hits,
    }


def search(folder: Path, kind: str, sought: str, *, seed: int) -> None:
    """Search the corpus and tell what that took; imports are not counted."""
    subjects, _ = identifiers(sought, seed=seed)
    if kind == "cluster":
        told = search_on_cluster(folder / "jsonl", subjects)
        sys.stdout.write(json.dumps(told) + "\n")
        return
    spec = corpus_spec(folder / kind)
    connector = (JsonLinesConnector if kind == "jsonl" else ParquetConnector)(spec)
    began, processor = time.perf_counter(), time.process_time()
    results = connector.locate_each(subjects)
    told = {
        "processor": time.process_time() - processor,
        "seconds": time.perf_counter() - began,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE,
        "found": sum(len(item.records) + len(item.doubtful) for item in results),
    }
    sys.stdout.write(json.dumps(told) + "\n")


def _ripgrep() -> str:
    beside = Path(sys.executable).with_name("rg")
    found = os.environ.get("RIPGREP") or shutil.which("rg")
    return found or str(beside)


def _show(
    console: Console,
    figures: Figures,
    kinds: Sequence[Mapping[str, str | int]],
    copies: Sequence[Mapping[str, str | int]],
    near: Sequence[Mapping[str, str | int]],
) -> None:
    table = Table("search", "sought", "MB/s of a core", "seconds", "peak MB", "hits")
    for (tool, sought), values in figures.items():
        table.add_row(
            tool,
            sought,
            *(
                f"{values[name]:.0f}" if name != "seconds" else f"{values[name]:.2f}"
                for name in ("mb_per_s", "seconds", "peak_mb", "found")
            ),
        )
    console.print(table)
    found = Table("kind", "planted", *(outcome.value for outcome in Expected))
    for row in kinds:
        found.add_row(*map(str, row.values()))
    console.print(found)
    quoted = Table("copy", "planted", "found")
    for row in copies:
        quoted.add_row(*map(str, row.values()))
    console.print(quoted)
    nearly = Table("near copy", "planted", "similar enough", "looked at", "found")
    for row in near:
        nearly.add_row(*map(str, row.values()))
    console.print(nearly)


if __name__ == "__main__":
    main()
