import gzip
import io
from pathlib import Path

import pyarrow as pa
import pytest
from support.file_sources import zstandard

from unlearn_core.adapters.connectors.reading import (
    compressed,
    compression_of,
    decompressed,
    json_value,
    reading,
)
from unlearn_core.errors import SourceUnreadableError

PLAIN = b"one\ntwo\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "b": {"a": 2}}', {"a": 1, "b": {"a": 2}}),
        ('{"a": 1, "b": 2, "a": 3}', {"a": 3, "b": 2, "a#3": 1}),
        ('{"a": 1, "a#2": 0, "a": 2}', {"a": 2, "a#2": 0, "a#3": 1}),
        ('{"a#2": 0, "a": 1, "a": 2}', {"a": 2, "a#2": 0, "a#3": 1}),
        ('{"a#3": 0, "a": 1, "a": 2}', {"a": 2, "a#3": 0, "a#3#": 1}),
        (b'[{"a": "x", "a": "y", "a": "z"}]', [{"a": "z", "a#2": "x", "a#3": "y"}]),
    ],
)
def test_no_value_hides_another_one_of_its_name(
    text: str | bytes, said: object
) -> None:
    assert json_value(text) == said


@pytest.mark.parametrize(
    ("data", "compression"),
    [
        (PLAIN, ""),
        (b"", ""),
        (b"\x1f", ""),
        (gzip.compress(PLAIN, mtime=0), "gzip"),
        (zstandard(PLAIN), "zstd"),
    ],
)
def test_compression_is_seen_in_the_bytes_and_not_in_the_name(
    tmp_path: Path, data: bytes, compression: str
) -> None:
    path = tmp_path / "corpus"
    path.write_bytes(data)
    with path.open("rb") as file:
        assert compression_of(file) == compression
        assert compression_of(file) == compression


@pytest.mark.parametrize("pack", [gzip.compress, zstandard])
def test_parts_that_were_appended_are_read_to_the_end(
    tmp_path: Path, pack: type[bytes]
) -> None:
    path = tmp_path / "corpus"
    path.write_bytes(pack(PLAIN) + pack(b"three\n"))
    with path.open("rb") as file:
        assert list(decompressed(file)) == [b"one\n", b"two\n", b"three\n"]


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_what_is_written_comes_back_and_the_file_stays_open(compression: str) -> None:
    file = io.BytesIO()
    with compressed(file, compression) as packed:
        packed.write(b"one\n")
        packed.write(b"two\n")
    assert not file.closed
    file.seek(0)
    with io.BufferedReader(file) as again:
        assert compression_of(again) == compression
        assert decompressed(again).read() == PLAIN


@pytest.mark.parametrize("fault", [OSError(5), EOFError(), pa.ArrowInvalid("Ada")])
def test_foreign_errors_become_ours_without_their_text(fault: Exception) -> None:
    with pytest.raises(SourceUnreadableError) as raised, reading("corpus"):
        raise fault
    assert str(raised.value).endswith("(source=corpus)")
