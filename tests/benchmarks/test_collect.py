import json
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from benchmarks.collect import (
    ALL,
    KINDS,
    convert,
    generate,
    identifiers,
    search,
    summary,
)
from benchmarks.collect_quality import Quality
from benchmarks.mentions import Expected


def test_a_thousand_identifiers_are_searched_for_as_they_are_written() -> None:
    subjects, strings = identifiers(ALL, seed=0)
    assert sum(len(subject.identifiers) for subject in subjects) == 1000
    assert len(strings) == 1000
    for kind in KINDS:
        (subject,), (string,) = identifiers(kind, seed=0)
        (identifier,) = subject.identifiers
        assert identifier.value.reveal() == string


def test_a_thousand_are_compared_with_one_of_each_kind() -> None:
    # One takes 1, 2, 3 and 2 seconds, 2 in the mean; a thousand take 4.
    speeds = {"email": 60, "name": 30, "phone": 20, "number": 30, ALL: 15}
    figures = {
        (tool, sought): {"mb_per_s": speed * times, "peak_mb": 7}
        for sought, speed in speeds.items()
        for tool, times in (("ripgrep", 2), ("jsonl", 1))
    }
    planted = Quality(found={"e-mail": Counter({Expected.CERTAIN: 1})})
    planted.found["name alone"] = Counter({Expected.REVIEW: 1})
    planted.found["namesake"] = Counter({Expected.REVIEW: 1})
    told = summary(figures, planted, megabytes=60)
    assert told["ratio_one_to_ripgrep"] == 0.5
    assert told["ratio_1000_to_one"] == 4
    assert told["ratio_1000_to_one_of_any_kind"] == 2
    ratios = {"email": 4, "name": 2, "phone": 1.333, "number": 2}
    assert told["ratio_1000_to_one_of"] == ratios
    assert told["peak_mb"] == 7


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_the_generated_corpus_is_searched(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress(console=Console(quiet=True)) as progress:
        for _ in range(2):
            generate(tmp_path / "jsonl", megabytes=1, seed=0, progress=progress)
            convert(tmp_path, megabytes=1)
    search(tmp_path, kind, ALL, seed=0)
    told = json.loads(capsys.readouterr().out)
    assert told["found"] >= 1
    assert told["peak_mb"] > 0
