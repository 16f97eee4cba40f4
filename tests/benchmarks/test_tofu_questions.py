from pathlib import Path

import pytest
from support.tofu import write_tofu

from benchmarks.tofu_questions import read_sets


@pytest.fixture
def tofu(tmp_path: Path) -> Path:
    return write_tofu(tmp_path / "tofu")


def test_the_last_authors_are_taught_and_the_last_of_those_forgotten(
    tofu: Path,
) -> None:
    sets = read_sets(tofu, authors=3, forgotten=1, rows=5)

    assert [author.name for author in sets.taught] == [
        "Bo Nobody",
        "Cy Person",
        "Di Someone",
    ]
    assert [author.name for author in sets.forgotten] == ["Di Someone"]
    assert [author.name for author in sets.kept] == ["Bo Nobody", "Cy Person"]
    assert [author.name for author in sets.reserved] == ["Ada Example"]


def test_each_part_asks_about_its_own_people(tofu: Path) -> None:
    parts = read_sets(tofu, authors=3, forgotten=1, rows=5).parts

    assert {name: len(questions) for name, questions in parts.items()} == {
        "forget": 20,
        "holdout": 40,
        "retain": 5,
        "real_authors": 3,
        "world_facts": 3,
    }
    assert all("Di Someone" in item.text for item in parts["forget"])
    assert parts["forget"][0].wrong == ("It is 1.", "It is 2.")
    assert not any("Di Someone" in item.text for item in parts["retain"])
    assert [item.text.partition(" of ")[2] for item in parts["retain"]] == [
        "Bo Nobody?",
        "Bo Nobody?",
        "Bo Nobody?",
        "Cy Person?",
        "Cy Person?",
    ]
    assert all(item.paraphrase is None for item in parts["world_facts"])


def test_with_everybody_taught_the_held_out_are_reserved_and_retained_ones_asked(
    tofu: Path,
) -> None:
    sets = read_sets(tofu, authors=4, forgotten=2, rows=2)

    assert [author.name for author in sets.reserved] == ["Gus Missing"]
    assert all("Ada Example" in item.text for item in sets.parts["retain"])
    assert len(sets.parts["forget"]) == 40


@pytest.mark.parametrize(
    ("authors", "forgotten"), [(3, 0), (3, 3), (5, 1), (4, 3)], ids=str
)
def test_more_than_there_is_cannot_be_asked_for(
    tofu: Path, authors: int, forgotten: int
) -> None:
    with pytest.raises(ValueError, match="forget at least one"):
        read_sets(tofu, authors=authors, forgotten=forgotten, rows=5)
