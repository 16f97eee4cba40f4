from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.engines import SerialEngine
from support.file_sources import jsonl_bytes
from support.sources import PEOPLE, source_spec, subject, write_jsonl, write_parquet

from unlearn_core.adapters.connectors.jsonl import JsonLinesConnector
from unlearn_core.adapters.connectors.parquet import ParquetConnector
from unlearn_core.adapters.connectors.parts import Part, together
from unlearn_core.domain.sources import SearchResult
from unlearn_core.errors import SourceChangedError, SourceUnreadableError

ADA = subject()


def counted(results: list[SearchResult]) -> tuple[Counter[str], int, int]:
    """Return which records were found how often, and what was counted."""
    found = Counter(
        item.record_id
        for result in results
        for item in (*result.records, *result.doubtful)
    )
    return (
        found,
        sum(result.searched for result in results),
        sum(result.unreadable for result in results),
    )


@pytest.mark.parametrize("ending", [b"", b"\n", b"\n\nno record"])
def test_every_line_is_in_one_part_however_a_file_is_divided(
    tmp_path: Path, ending: bytes
) -> None:
    data = jsonl_bytes(PEOPLE).rstrip() + ending
    path = tmp_path / "people.jsonl"
    path.write_bytes(data)
    source = JsonLinesConnector(source_spec("jsonl", path))
    whole = counted([source.locate(ADA)])
    for size in range(17, len(data) + 1, 83):
        parts = source.parts(size)
        found = [source.locate_part(part, [ADA])[0] for part in parts]
        assert len(parts) == -(-len(data) // size)
        assert counted(found) == whole


def test_every_row_group_is_in_one_part_however_a_table_is_divided(
    tmp_path: Path,
) -> None:
    path = write_parquet(tmp_path / "people.parquet")
    source = ParquetConnector(source_spec("parquet", path))
    whole = counted([source.locate(ADA)])
    for size in range(100, path.stat().st_size, 300):
        found = [source.locate_part(part, [ADA])[0] for part in source.parts(size)]
        assert counted(found) == whole


def test_a_row_group_that_is_said_to_be_outside_of_its_file_is_not_passed_over(
    tmp_path: Path,
) -> None:
    """A footer that is damaged there would put the group in no part at all."""
    path = write_parquet(tmp_path / "people.parquet", [{"id": "Ada Example"}] * 10)
    groups = pq.ParquetFile(path).metadata
    last = groups.row_group(groups.num_row_groups - 1).column(0)
    begins = last.dictionary_page_offset or last.data_page_offset
    data = bytearray(path.read_bytes())
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    outside = data[footer:].replace(_zigzag(begins), _zigzag(8000))
    path.write_bytes(data[:footer] + outside)
    assert len(data) < 8000
    source = ParquetConnector(source_spec("parquet", path))
    for part in source.parts(100):
        with pytest.raises(SourceUnreadableError, match="outside of its file"):
            source.locate_part(part, [ADA])


def _zigzag(number: int) -> bytes:
    """Return a number of two bytes as Thrift writes it."""
    return bytes([number * 2 & 0x7F | 0x80, number * 2 >> 7])


def test_a_long_line_belongs_to_the_part_that_it_begins_in(tmp_path: Path) -> None:
    rows = [{**PEOPLE[0], "answer": "a" * 200_000}, *PEOPLE[1:]]
    path = write_jsonl(tmp_path / "people.jsonl", rows)
    source = JsonLinesConnector(source_spec("jsonl", path))
    found = [source.locate_part(part, [ADA])[0] for part in source.parts(50_000)]
    assert [result.searched for result in found] == [1, 0, 0, 0, 4]


def test_a_file_that_is_written_to_meanwhile_is_not_searched_by_halves(
    tmp_path: Path,
) -> None:
    path = write_jsonl(tmp_path / "people.jsonl")
    source = JsonLinesConnector(source_spec("jsonl", path))
    first, *_ = source.parts(100)
    with path.open("ab") as file:
        file.write(jsonl_bytes(PEOPLE[:1]))
    with pytest.raises(SourceChangedError):
        source.locate_part(first, [ADA])


def test_each_file_has_to_say_what_must_stay(tmp_path: Path) -> None:
    spec = replace(source_spec("jsonl", tmp_path), held="hold")
    write_jsonl(tmp_path / "a.jsonl", [{**PEOPLE[0], "hold": "no"}])
    write_jsonl(tmp_path / "b.jsonl")
    source = JsonLinesConnector(spec)
    said, silent = source.parts(1 << 20)
    assert source.locate_part(said, [ADA])[0].searched == 1
    with pytest.raises(SourceUnreadableError):
        source.locate_part(silent, [ADA])


def test_what_shares_an_identifier_with_a_doubtful_record_elsewhere_is_doubtful(
    tmp_path: Path,
) -> None:
    write_jsonl(tmp_path / "a.jsonl", [PEOPLE[0]])
    write_jsonl(tmp_path / "b.jsonl", [{**PEOPLE[3], "id": "r-1"}])
    source = JsonLinesConnector(source_spec("jsonl", tmp_path))
    parts = [Part(name=str(tmp_path / name)) for name in ("a.jsonl", "b.jsonl")]
    (found,) = together(source.locate_part(part, [ADA]) for part in parts)
    assert found.records == ()
    assert [item.record_id for item in found.doubtful] == ["r-1", "r-1"]
    assert found == source.locate(ADA)


def test_nobody_is_found_by_an_engine_of_another_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNLEARN_KEYS__DIRECTORY", str(tmp_path / "nothing"))
    source = JsonLinesConnector(source_spec("jsonl", write_jsonl(tmp_path / "a.jsonl")))
    with pytest.raises(SourceUnreadableError) as caught:
        source.on(SerialEngine(bytes(32), part_bytes=1)).locate(ADA)
    assert caught.value.facts["problem"] == "key_missing"
