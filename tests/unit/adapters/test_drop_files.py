"""Downloads in a folder and in a ZIP, and answers."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.drop import item, write_list

from unlearn_core.adapters.drop_files import Download, write_answers
from unlearn_core.domain.drop import Code, DropRefusedError, ListType

ITEMS = [item(1, "a@b.example"), item(2, "c@d.example")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "lists"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_lists_are_read_line_by_line(
    folder: Path,
    tmp_path: Path,
    packed: bool,  # noqa: FBT001 - a column of the table
) -> None:
    write_list(folder, ITEMS)
    write_list(folder, [], kind="Phone")
    write_list(folder, ITEMS[:1], kind="Removed")
    path = folder
    if packed:
        path = tmp_path / "20260302_4821_DROP.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in folder.iterdir():
                archive.write(file, file.name)
    download = Download(path)
    kinds = [file.list_type for file in download.files]
    assert kinds == [ListType.EMAIL, ListType.PHONE, None]
    assert [list(download.items(file)) for file in download.files] == [
        ITEMS,
        [],
        ITEMS[:1],
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Id,Hash\n", 1),
        ("", 1),
        ("ID,Hash\n000000000001,short\n", 2),
        (f"ID,Hash\n0001,{ITEMS[0].digest}\n", 2),
        (f"ID,Hash\n000000000001,{ITEMS[0].digest},more\n", 2),
        ('ID,Hash\n"0000', 2),
    ],
)
def test_a_malformed_line_is_named_and_not_repeated(
    folder: Path, text: str, line: int
) -> None:
    write_list(folder, []).write_text(text)
    download = Download(folder)
    with pytest.raises(DropRefusedError) as caught:
        list(download.items(download.files[0]))
    assert caught.value.facts["line"] == line
    assert ITEMS[0].digest not in str(caught.value)


def test_what_is_not_text_is_refused(folder: Path) -> None:
    write_list(folder, []).write_bytes(b"ID,Hash\n\xff\xfe\n")
    download = Download(folder)
    with pytest.raises(DropRefusedError):
        list(download.items(download.files[0]))


@pytest.mark.parametrize(
    "name", ["emails.csv", "20260302_4821_Fax.csv", "20261302_4821_Email.csv"]
)
def test_a_file_of_another_name_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_text("ID,Hash\n")
    with pytest.raises(DropRefusedError):
        Download(folder)


def test_a_removed_identifier_names_its_list(folder: Path) -> None:
    path = write_list(folder, ITEMS, kind="Removed")
    path.write_text(path.read_text().replace(",Email", ",Fax"))
    download = Download(folder)
    with pytest.raises(DropRefusedError) as caught:
        list(download.items(download.files[0]))
    assert caught.value.facts["problem"] == "unknown list"


def test_no_lists_and_no_download_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_text("no archive")
    for path in (folder, tmp_path / "no.zip", tmp_path / "absent"):
        with pytest.raises(DropRefusedError):
            Download(path)


def test_answers_have_the_name_of_their_list(folder: Path, tmp_path: Path) -> None:
    write_list(folder, ITEMS)
    (file,) = Download(folder).files
    answers = [("000000000001", Code.DELETED), ("000000000002", Code.NOT_FOUND)]
    path = write_answers(tmp_path / "out", file, answers)
    assert path.name == "20260302_4821_Email.csv"
    assert path.read_bytes() == b"Id,Status\n000000000001,3\n000000000002,5\n"
    part = write_answers(tmp_path / "out", file, answers[:1], suffix="part01")
    assert part.name == "20260302_4821_Email_part01.csv"
    with pytest.raises(DropRefusedError):
        write_answers(tmp_path / "out", file, answers, suffix="../evil")


def test_answers_that_break_off_leave_no_file(folder: Path, tmp_path: Path) -> None:
    def broken() -> Iterator[tuple[str, Code]]:
        yield "000000000001", Code.DELETED
        raise DropRefusedError(under_way=1)

    write_list(folder, ITEMS)
    (file,) = Download(folder).files
    with pytest.raises(DropRefusedError):
        write_answers(tmp_path / "out", file, broken())
    assert list((tmp_path / "out").iterdir()) == []
