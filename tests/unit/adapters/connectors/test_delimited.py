from pathlib import Path

import pytest
from support.file_sources import csv_bytes
from support.sources import source_spec, subject

from unlearn_core.adapters.connectors.delimited import DelimitedConnector
from unlearn_core.errors import SourceUnreadableError

HEAD = b"id,name,customer,note\r\n"
ADA = b'r-1,"Ada\r\nExample",C-1001,"says ""hello"", twice"\r\n'
BEN = b"r-2,Ben Muster , C-1002,'odd'\r\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a source may be."""
    return tmp_path / "customers.csv"


def open_source(path: Path) -> DelimitedConnector:
    """Return a connector to a file."""
    return DelimitedConnector(source_spec("csv", path))


def test_a_record_of_several_lines_goes_and_others_keep_their_bytes(
    path: Path,
) -> None:
    path.write_bytes(HEAD + BEN + ADA + b"\r\n" + BEN)
    source = open_source(path)
    assert [item.record_id for item in source.locate(subject()).records] == ["r-1"]
    assert source.erase(["r-1"], dry_run=False) == 1
    assert path.read_bytes() == HEAD + BEN + b"\r\n" + BEN


@pytest.mark.parametrize("separator", [b",", b";", b"\t", b"|"])
def test_the_separator_is_the_one_of_the_first_line(
    path: Path, separator: bytes
) -> None:
    path.write_bytes(csv_bytes().replace(b",", separator))
    assert open_source(path).locate(subject()).searched == 5


def test_a_mark_of_byte_order_is_no_part_of_the_first_name(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + HEAD + ADA + BEN)
    assert open_source(path).erase(["r-1"], dry_run=False) == 1
    assert path.read_bytes() == b"\xef\xbb\xbf" + HEAD + BEN


@pytest.mark.parametrize(
    "broken",
    [
        b"r-3,too few\n",
        b"r-3,Ada Example,C-1001,too,many\n",
        b"r-3,Zo\xeb Latin,C-1003,\n",
        b'r-3,"quoted"again,C-1003,\n',
        b'r-3,Ada Example,C-1001,"never closed\n',
    ],
)
def test_a_broken_row_is_counted_and_kept(path: Path, broken: bytes) -> None:
    path.write_bytes(HEAD + ADA + BEN + broken)
    source = open_source(path)
    result = source.locate(subject())
    assert (result.searched, result.unreadable) == (2, 1)
    assert source.erase(["r-1"], dry_run=False) == 1
    assert path.read_bytes() == HEAD + BEN + broken


def test_an_empty_file_has_no_records(path: Path) -> None:
    path.touch()
    assert open_source(path).locate(subject()).searched == 0


@pytest.mark.parametrize("content", [b"name,customer\nAda Example,C-1001\n", b'"\n'])
def test_a_file_without_the_record_column_is_unreadable(
    path: Path, content: bytes
) -> None:
    path.write_bytes(content)
    with pytest.raises(SourceUnreadableError, match="missing_column=id"):
        open_source(path).locate(subject())


@pytest.mark.parametrize("separator", ["|", ";"])
def test_a_redacted_row_keeps_separator_line_end_and_the_other_rows_their_bytes(
    path: Path, separator: str
) -> None:
    def line(*values: str) -> bytes:
        return separator.join(values).encode()

    head = line("id", "name", "note") + b"\r\n"
    other = line('"r-2"', "Ben", '"x"') + b"\r\n"
    path.write_bytes(
        head + other + line("r-1", "Ada Example", '"one, two\nby Ada Example"')
    )
    assert open_source(path).redact(["r-1"], subject(), dry_run=False) == 1
    after = line("r-1", "[redacted]", '"one, two\nby [redacted]"')
    assert path.read_bytes() == head + other + after


def test_a_column_whose_name_is_there_already_is_searched_and_redacted(
    tmp_path: Path,
) -> None:
    path = tmp_path / "twice.csv"
    path.write_text("id,note,note,,\nr-1,Ada Example,x,y,\nr-2,x,y,,Ada Example\n")
    connector = DelimitedConnector(source_spec("csv", path, reviews_names=False))
    ids = [item.record_id for item in connector.locate(subject()).records]
    assert ids == ["r-1", "r-2"]
    assert connector.redact(ids, subject(), dry_run=False) == 2
    lines = path.read_text().splitlines()
    assert lines == ["id,note,note,,", "r-1,[redacted],x,y,", "r-2,x,y,,[redacted]"]


def test_names_of_columns_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    path.write_text("id,note#4,note,note\nr-1,x,y,z\n")
    with pytest.raises(SourceUnreadableError, match="two columns have one name"):
        DelimitedConnector(source_spec("csv", path)).locate(subject())
