import json
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from benchmarks.collect import convert, generate, identifiers, search


def test_a_thousand_identifiers_are_searched_for_as_they_are_written() -> None:
    subjects, strings = identifiers(1000, seed=0)
    assert sum(len(subject.identifiers) for subject in subjects) == 1000
    assert len(strings) == 1000
    (subject,), (string,) = identifiers(1, seed=0)
    assert subject.identifiers[0].value.reveal() == string


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_the_generated_corpus_is_searched(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress(console=Console(quiet=True)) as progress:
        for _ in range(2):
            generate(tmp_path / "jsonl", megabytes=1, seed=0, progress=progress)
            convert(tmp_path, megabytes=1)
    search(tmp_path, kind, 1000, seed=0)
    told = json.loads(capsys.readouterr().out)
    assert told["found"] >= 1
    assert told["peak_mb"] > 0
