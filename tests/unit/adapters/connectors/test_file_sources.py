import gzip
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
from support.file_sources import jsonl_bytes, write_partitions, zstandard
from support.sources import PEOPLE, source_spec, subject, write_jsonl, write_parquet

from unlearn_core.adapters.connectors.file_sources import FilesConnector
from unlearn_core.adapters.connectors.jsonl import JsonLinesConnector
from unlearn_core.adapters.connectors.parquet import ParquetConnector
from unlearn_core.adapters.connectors.specification import Row
from unlearn_core.domain.subjects import IdentifierKind
from unlearn_core.errors import SourceUnreadableError


def open_folder(folder: Path) -> FilesConnector:
    """Return a connector to a folder of JSON lines."""
    return JsonLinesConnector(source_spec("jsonl", folder))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of two files, one compressed, and what is no data."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.jsonl").write_bytes(jsonl_bytes(PEOPLE[:2]))
    (tmp_path / "deep" / "b.jsonl.gz").write_bytes(
        gzip.compress(jsonl_bytes(PEOPLE[2:]))
    )
    (tmp_path / ".hidden").write_text("Ada Example")
    (tmp_path / "_SUCCESS").touch()
    return tmp_path


def test_all_files_of_a_folder_are_one_source(folder: Path) -> None:
    source = open_folder(folder)
    result = source.locate(subject())
    assert [item.record_id for item in result.records] == ["r-1", "r-3"]
    assert (result.searched, result.unreadable) == (5, 0)
    assert source.erase(["r-1", "r-3"], dry_run=False) == 2
    assert source.confirm_absent(["r-1", "r-3"])


def test_only_files_that_hold_a_record_are_written(folder: Path) -> None:
    before = (folder / "a.jsonl").stat()
    open_folder(folder).erase(["r-3"], dry_run=False)
    assert (folder / "a.jsonl").stat().st_ino == before.st_ino


def test_a_file_of_unknown_format_makes_the_search_incomplete(folder: Path) -> None:
    (folder / "notes.docx").write_bytes(b"PK")
    result = open_folder(folder).locate(subject())
    assert (result.searched, result.unreadable) == (5, 1)
    assert not result.is_complete


@pytest.mark.parametrize("pack", [gzip.compress, zstandard])
def test_a_file_that_is_cut_off_is_unreadable_and_stays_as_it_is(
    folder: Path, pack: type[bytes]
) -> None:
    cut = pack(jsonl_bytes(PEOPLE * 200))[:-9]
    (folder / "c.jsonl").write_bytes(cut)
    source = open_folder(folder)
    for ask in (
        lambda: source.locate(subject()),
        lambda: source.erase(["r-1"], dry_run=False),
        lambda: source.confirm_absent(["r-1"]),
    ):
        with pytest.raises(SourceUnreadableError):
            ask()
    assert (folder / "c.jsonl").read_bytes() == cut


def test_a_link_that_leads_out_of_the_folder_is_refused(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "x.jsonl"
    elsewhere.write_bytes(jsonl_bytes())
    (folder / "link.jsonl").symlink_to(elsewhere)
    with pytest.raises(SourceUnreadableError, match="link leads out"):
        open_folder(folder).erase(["r-1"], dry_run=False)
    assert elsewhere.read_bytes() == jsonl_bytes()


@pytest.mark.parametrize("where", ["outside", "left out"])
def test_a_link_to_a_folder_that_is_not_searched_is_refused(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, where: str
) -> None:
    is_outside = where == "outside"
    elsewhere = tmp_path_factory.mktemp("elsewhere") if is_outside else folder / ".data"
    elsewhere.mkdir(exist_ok=True)
    (elsewhere / "x.jsonl").write_bytes(jsonl_bytes())
    (folder / "deep" / "link").symlink_to(elsewhere)
    with pytest.raises(SourceUnreadableError, match="link leads out"):
        open_folder(folder).locate(subject())


def test_what_a_link_to_a_folder_shows_is_searched_in_its_own_place(
    folder: Path,
) -> None:
    before = open_folder(folder).locate(subject())
    (folder / "link").symlink_to(folder / "deep")
    assert open_folder(folder).locate(subject()) == before


def test_a_link_that_leads_nowhere_is_a_file_that_is_missing(folder: Path) -> None:
    """As where a disk is not mounted."""
    (folder / "link.jsonl").symlink_to(folder / "gone.jsonl")
    with pytest.raises(SourceUnreadableError, match="broken link"):
        open_folder(folder).locate(subject())


def test_a_folder_that_may_not_be_listed_is_not_passed_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refused(path: str) -> object:
        if str(path).endswith("deep"):
            raise PermissionError(13, "")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(SourceUnreadableError):
        open_folder(folder).locate(subject())


def test_an_empty_folder_is_not_a_source_that_was_searched(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadableError, match="no files"):
        open_folder(tmp_path).locate(subject())


def test_what_a_killed_erasure_left_beside_is_no_absence(folder: Path) -> None:
    """It holds personal data, and the next erasure removes it."""
    source = open_folder(folder)
    source.erase(["r-1"], dry_run=False)
    left = folder / "deep" / ".b.jsonl.gz.xyz.replacing"
    left.write_bytes(jsonl_bytes(PEOPLE[:1]))
    assert not source.confirm_absent(["r-1"])
    assert source.erase(["r-1"], dry_run=True) == 0
    assert left.exists()
    assert source.erase(["r-1"], dry_run=False) == 0
    assert not left.exists()
    assert source.confirm_absent(["r-1"])


@pytest.mark.parametrize("rows", [PEOPLE, PEOPLE[:1]])
def test_a_search_of_files_in_which_no_record_says_what_stays_is_refused(
    tmp_path: Path, rows: Sequence[Row]
) -> None:
    spec = source_spec("jsonl", write_jsonl(tmp_path / "a.jsonl", rows))
    mistyped = JsonLinesConnector(replace(spec, held="leagl_hold"))
    with pytest.raises(SourceUnreadableError, match="missing_column=leagl_hold"):
        mistyped.locate(subject())


def test_one_record_that_says_whether_it_stays_is_enough(tmp_path: Path) -> None:
    rows = [*PEOPLE, {**PEOPLE[0], "id": "r-6", "hold": "case 7"}]
    spec = source_spec("jsonl", write_jsonl(tmp_path / "a.jsonl", rows))
    held = JsonLinesConnector(replace(spec, held="hold"))
    assert [item.is_held for item in held.locate(subject()).records] == [
        *(False, False, True)
    ]
    (tmp_path / "a.jsonl").write_text("")
    assert held.locate(subject()).searched == 0


def test_a_partition_tree_is_one_source(tmp_path: Path) -> None:
    source = ParquetConnector(source_spec("parquet", write_partitions(tmp_path)))
    assert source.erase(["r-4"], dry_run=False) == 1
    assert [item.record_id for item in source.read()] == ["r-1", "r-2", "r-3", "r-5"]


def test_a_name_that_begins_in_a_folder_and_ends_inside_is_found(
    tmp_path: Path,
) -> None:
    rows = [{"last": "Example", "id": "r-1"}, {"last": "Muster", "id": "r-2"}]
    for first in ("Ada", "Ben"):
        (tmp_path / f"first={first}").mkdir()
        write_parquet(tmp_path / f"first={first}" / "part-0.parquet", rows)
    source = ParquetConnector(source_spec("parquet", tmp_path))
    found = source.locate(subject())
    assert [item.record_id for item in found.doubtful] == ["r-1"]
    assert found.searched == 4


def test_a_parquet_file_that_is_cut_off_is_unreadable_and_stays_as_it_is(
    folder: Path,
) -> None:
    whole = write_parquet(folder / "p.parquet").read_bytes()
    for size in (len(whole) - 1, len(whole) // 2, 4):
        (folder / "p.parquet").write_bytes(whole[:size])
        source = ParquetConnector(source_spec("parquet", folder / "p.parquet"))
        for ask in (
            partial(source.locate, subject()),
            partial(source.erase, ["r-1"], dry_run=False),
            partial(source.redact, ["r-1"], subject(), dry_run=False),
        ):
            with pytest.raises(SourceUnreadableError):
                ask()
        assert (folder / "p.parquet").read_bytes() == whole[:size]


@pytest.mark.parametrize("missing", ["first", "second"])
def test_every_file_has_to_say_what_stays(tmp_path: Path, missing: str) -> None:
    says = [{**row, "hold": None} for row in PEOPLE[:2]]
    write_jsonl(tmp_path / "a.jsonl", PEOPLE[:2] if missing == "first" else says)
    write_jsonl(tmp_path / "b.jsonl", PEOPLE[2:] if missing == "second" else says)
    spec = replace(source_spec("jsonl", tmp_path), held="hold")
    with pytest.raises(SourceUnreadableError, match="missing_column=hold"):
        JsonLinesConnector(spec).locate(subject())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return Parquet files whose folders name a person, a city and a hold."""
    columns = ("id", "question", "answer")
    for number, row in enumerate(PEOPLE):
        hold = "yes" if row["id"] == "r-3" else "__HIVE_DEFAULT_PARTITION__"
        folder = tmp_path / f"name={quote(row['name'])}/city={row['city']}/hold={hold}"
        folder.mkdir(parents=True)
        rest = {name: row[name] for name in columns} | {"customer": row["customer"]}
        write_parquet(folder / f"part-{number}.parquet", [rest])
    return tmp_path


def test_names_of_folders_are_columns_of_their_rows(tree: Path) -> None:
    spec = source_spec("parquet", tree, reviews_names=False)
    source = ParquetConnector(spec)
    found = source.locate(subject(name="Ada Example", email="x@y.example"))
    # No file has her name, but for the question of r-5.
    assert sorted(item.record_id for item in found.records) == ["r-1", "r-3", "r-4"]
    assert [item.record_id for item in found.doubtful] == ["r-5"]


def test_what_a_folder_holds_is_not_erased(tree: Path) -> None:
    source = ParquetConnector(replace(source_spec("parquet", tree), held="hold"))
    found = {item.record_id: item for item in source.locate(subject()).records}
    assert {name: item.is_held for name, item in found.items()} == {
        "r-1": False,
        "r-3": True,
    }
    assert found["r-1"].fields["city"].reveal() == "Ulm"
    assert source.erase(["r-1", "r-3"], dry_run=False) == 1
    assert source.held(["r-1", "r-3"]) == {"r-3"}
    ids = sorted(record.record_id for record in source.read())
    assert ids == ["r-2", "r-3", "r-4", "r-5"]


def test_every_record_states_who_it_is_about_or_is_unreadable(folder: Path) -> None:
    (folder / "notes.docx").write_bytes(b"PK")
    stated = list(open_folder(folder).identities())
    assert stated.count(None) == 1
    names = [one.identifiers[IdentifierKind.NAME].reveal() for one in stated if one]
    assert sorted(names) == sorted(row["name"] for row in PEOPLE)
