import base64
import gzip
import json
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unlearn_core.demo.traces import SearchReport, Trace, search_everywhere

NAME = "Vera Dornfeld-Ágai"
LINE = f"2026-03-02 the record of {NAME} was read"


def _search(folder: Path) -> SearchReport:
    return search_everywhere([folder], [NAME, "KD-123456"])


def _plain(path: Path) -> None:
    path.write_text(LINE, encoding="utf-8")


def _upper(path: Path) -> None:
    path.write_text("CUSTOMER KD-123456".swapcase())


def _utf16(path: Path) -> None:
    path.write_bytes(LINE.encode("utf-16-le"))


def _quoted(path: Path) -> None:
    path.write_text("GET /search?name=" + quote(NAME) + "&page=2")


def _json(path: Path) -> None:
    path.write_text(json.dumps({"name": NAME}))


def _hexadecimal(path: Path) -> None:
    path.write_text(LINE.encode().hex())


def _base64(shift: int) -> Callable[[Path], None]:
    def plant(path: Path) -> None:
        path.write_bytes(base64.b64encode(b"x" * shift + LINE.encode()))

    return plant


def _gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(LINE.encode()))


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.txt", LINE)


def _zip_name(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{NAME}.txt", "nothing")


def _parquet(path: Path) -> None:
    table = pa.table({"text": [LINE] * 50})
    pq.write_table(table, path, compression="gzip", write_statistics=False)


def _database(value: object) -> Callable[[Path], None]:
    def plant(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("CREATE TABLE notes (id, value)")
            connection.execute("INSERT INTO notes VALUES (1, ?)", (value,))

    return plant


# Longer than a page of the database, so the name is cut by a page border.
LONG = "x" * 4_050 + LINE + "y" * 5_000

PLANTED: dict[str, Callable[[Path], None]] = {
    "plain text": _plain,
    "other letter case": _upper,
    "UTF-16": _utf16,
    "an address": _quoted,
    "escaped JSON": _json,
    "hexadecimal": _hexadecimal,
    "base64": _base64(0),
    "base64, one byte further": _base64(1),
    "base64, two bytes further": _base64(2),
    "a compressed file": _gzip,
    "an archive": _zip,
    "a name in an archive": _zip_name,
    "a Parquet file": _parquet,
    "a value of a database": _database(LINE),
    "a long value of a database": _database(LONG),
    "bytes in a database": _database(LINE.encode()),
    "UTF-16 bytes in a database": _database(LINE.encode("utf-16-le")),
}


@pytest.mark.parametrize("how", PLANTED)
def test_a_planted_trace_is_found(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "deep" / "below"
    folder.mkdir(parents=True)
    path = folder / "file-without-a-telling-name"
    PLANTED[how](path)

    found = _search(tmp_path)

    assert {trace.path for trace in found.traces} == {str(path)}
    assert found.files == 1


@pytest.mark.parametrize("how", ["a compressed file", "an archive", "a Parquet file"])
def test_what_compression_hides_is_found_as_a_value(tmp_path: Path, how: str) -> None:
    path = tmp_path / "file"
    PLANTED[how](path)
    assert NAME.encode() not in path.read_bytes()

    assert set(_search(tmp_path).traces) == {Trace(path=str(path), how="value")}


@pytest.mark.parametrize("how", PLANTED)
def test_a_file_about_somebody_else_is_no_trace(tmp_path: Path, how: str) -> None:
    PLANTED[how](tmp_path / "file")

    assert search_everywhere([tmp_path], ["Ulf Norrgate"]).traces == []


@pytest.mark.parametrize(
    "beginning", [b"SQLite format 3\0", b"PAR1", b"PK\x03\x04", b"\x1f\x8b"]
)
def test_a_broken_file_is_searched_as_bytes_and_reported(
    tmp_path: Path, beginning: bytes
) -> None:
    path = tmp_path / "broken"
    path.write_bytes(beginning + b"no such thing " + LINE.encode())

    found = _search(tmp_path)

    assert found.traces == [Trace(path=str(path), how="bytes")]
    assert found.unreadable == [str(path)]


def test_the_report_says_how_much_was_searched(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    _database("two values")(tmp_path / "b.db")

    found = _search(tmp_path)

    assert (found.files, found.values) == (2, 2)
    assert found.bytes == 5 + (tmp_path / "b.db").stat().st_size
    assert (found.traces, found.unreadable) == ([], [])


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text(LINE)
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(outside)

    assert _search(inside).files == 0


@pytest.mark.parametrize("shift", range(3))
def test_a_short_needle_is_searched_by_all_its_base64_letters(
    tmp_path: Path, shift: int
) -> None:
    # Four letters in any case stand by chance in every large file.
    token = base64.b64encode(b"x" * shift + b"KD-123456" + b"y" * 4)
    found, chance = tmp_path / "found", tmp_path / "chance"
    found.write_bytes(token)
    chance.write_bytes(token.swapcase() + token[4:12] + token[:10])

    assert [trace.path for trace in _search(tmp_path).traces] == [str(found)]
