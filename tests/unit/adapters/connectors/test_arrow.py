import json
from pathlib import Path

import datasets
import pytest
from support.file_sources import write_dataset
from support.sources import source_spec, subject

from unlearn_core.adapters.connectors.arrow import DatasetConnector
from unlearn_core.errors import SourceUnreadableError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a data set of one split."""
    return write_dataset(tmp_path / "people")


def open_source(folder: Path) -> DatasetConnector:
    """Return a connector to a folder."""
    return DatasetConnector(source_spec("dataset", folder))


def fingerprint(folder: Path) -> str:
    """Return the fingerprint of the split."""
    state = json.loads((folder / "train" / "state.json").read_text())
    return str(state["_fingerprint"])


def test_the_library_reads_what_an_erasure_left(folder: Path) -> None:
    before = datasets.load_from_disk(folder)["train"]
    features = before.features
    assert open_source(folder).erase(["r-1", "r-3"], dry_run=False) == 2
    left = datasets.load_from_disk(folder)["train"]
    assert left["id"] == ["r-2", "r-4", "r-5"]
    assert left.features == features


def test_the_fingerprint_changes_only_with_the_data(folder: Path) -> None:
    """Otherwise results that were cached under it would give the person back."""
    first = fingerprint(folder)
    open_source(folder).erase(["r-1"], dry_run=True)
    open_source(folder).erase(["r-9"], dry_run=False)
    assert fingerprint(folder) == first
    open_source(folder).erase(["r-1"], dry_run=False)
    assert fingerprint(folder) != first


def test_what_was_computed_beside_the_data_is_erased_as_well(folder: Path) -> None:
    (data, *_) = sorted((folder / "train").glob("data-*.arrow"))
    (folder / "train" / "cache-0123.arrow").write_bytes(data.read_bytes())
    assert open_source(folder).erase(["r-1"], dry_run=False) == 2
    assert open_source(folder).confirm_absent(["r-1"])


def test_a_file_of_another_kind_makes_the_search_incomplete(folder: Path) -> None:
    (folder / "train" / "extra.bin").write_bytes(b"?")
    result = open_source(folder).locate(subject())
    assert (result.searched, result.unreadable) == (5, 1)


def test_a_data_set_with_a_broken_state_is_left_alone(folder: Path) -> None:
    (folder / "train" / "state.json").write_text("[")
    with pytest.raises(SourceUnreadableError, match=r"state\.json"):
        open_source(folder).erase(["r-1"], dry_run=False)
    assert not open_source(folder).confirm_absent(["r-1"])


@pytest.mark.parametrize("left", [0, 8, -20])
def test_a_data_set_that_is_cut_off_is_unreadable_and_stays_as_it_is(
    folder: Path, left: int
) -> None:
    path = min((folder / "train").glob("*.arrow"))
    cut_off = path.read_bytes()[:left]
    path.write_bytes(cut_off)
    for attempt in (
        lambda: open_source(folder).locate(subject()),
        lambda: open_source(folder).erase(["r-1"], dry_run=False),
    ):
        with pytest.raises(SourceUnreadableError):
            attempt()
    assert path.read_bytes() == cut_off
