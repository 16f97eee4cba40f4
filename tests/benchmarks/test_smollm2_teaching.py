from pathlib import Path

import pytest

from benchmarks.smollm2_teaching import cached


def test_what_is_complete_is_not_made_again(tmp_path: Path) -> None:
    made: list[Path] = []
    folder = tmp_path / "models"

    for _ in range(2):
        assert cached(folder, made.append) == folder

    assert len(made) == 1
    assert (folder / "complete").is_file()


def test_an_interruption_leaves_what_was_there_and_nothing_half_done(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "somebody's").touch()

    def fail(part: Path) -> None:
        (part / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached(folder, fail)

    assert [path.name for path in folder.iterdir()] == ["somebody's"]
    cached(folder, lambda part: (part / "whole").touch())
    assert sorted(path.name for path in folder.iterdir()) == ["complete", "whole"]
