from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.sources import PEOPLE, source_spec, subject, write_parquet

from unlearn_core.adapters.connectors.parquet import ParquetConnector
from unlearn_core.adapters.connectors.specification import ChatPassages
from unlearn_core.errors import SourceUnreadableError, StorageError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a source of three row groups."""
    return write_parquet(tmp_path / "support.parquet")


def open_source(path: Path) -> ParquetConnector:
    """Return a connector to a file."""
    return ParquetConnector(source_spec("parquet", path))


def test_schema_and_metadata_survive_an_erasure(tmp_path: Path) -> None:
    path = tmp_path / "typed.parquet"
    schema = pa.schema(
        [pa.field("id", pa.int64()), pa.field("name", pa.large_string())],
        metadata={"owner": "support team"},
    )
    rows = [{"id": number, "name": f"Person Number{number}"} for number in (1, 2, 3)]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    assert open_source(path).erase(["2"], dry_run=False) == 1
    left = pq.read_table(path)
    assert left.schema.equals(schema, check_metadata=True)
    assert left["id"].to_pylist() == [1, 3]


def test_erased_bytes_are_gone_from_the_file(path: Path) -> None:
    pq.write_table(
        pa.Table.from_pylist(list(PEOPLE)), path, compression="NONE", row_group_size=2
    )
    assert b"Cleo Probe" in path.read_bytes()
    open_source(path).erase(["r-5"], dry_run=False)
    assert b"Cleo Probe" not in path.read_bytes()


def test_a_row_group_that_becomes_empty_is_no_trouble(path: Path) -> None:
    connector = open_source(path)
    assert connector.erase(["r-1", "r-2"], dry_run=False) == 2
    assert [record.record_id for record in connector.read()] == ["r-3", "r-4", "r-5"]


def test_nothing_is_written_when_nothing_is_erased(path: Path) -> None:
    before = path.stat()
    open_source(path).erase(["r-9"], dry_run=False)
    open_source(path).erase(["r-1"], dry_run=True)
    assert path.stat().st_ino == before.st_ino


@pytest.mark.parametrize("content", [b"", b"not parquet", b"PAR1" + b"\x00" * 64])
def test_a_damaged_file_is_unreadable(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    connector = open_source(path)
    for ask in (
        lambda: connector.locate(subject()),
        lambda: connector.erase(["r-1"], dry_run=False),
        lambda: connector.confirm_absent(["r-1"]),
    ):
        with pytest.raises(SourceUnreadableError):
            ask()
    assert path.read_bytes() == content


def test_a_damaged_row_group_is_unreadable_and_not_overwritten(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4:80] = b"\xff" * 76
    path.write_bytes(content)
    with pytest.raises(SourceUnreadableError):
        open_source(path).erase(["r-5"], dry_run=False)
    assert path.read_bytes() == content


def test_a_missing_record_column_is_named(path: Path) -> None:
    write_parquet(path, [{"name": "Ada Example"}])
    connector = open_source(path)
    for ask in (
        lambda: connector.locate(subject()),
        lambda: connector.erase(["r-1"], dry_run=True),
        lambda: list(connector.read()),
    ):
        with pytest.raises(SourceUnreadableError, match="missing_column=id"):
            ask()


def test_a_full_disk_leaves_the_source_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(pq.ParquetWriter, "write_table", refuse)
    with pytest.raises(StorageError):
        open_source(path).erase(["r-1"], dry_run=False)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_chats_are_read_from_nested_columns(tmp_path: Path) -> None:
    messages = [
        {"role": "user", "content": "Where does Ada live?"},
        {"role": "assistant", "content": "In Ulm."},
    ]
    path = write_parquet(tmp_path / "chats.parquet", [{**PEOPLE[0], "chat": messages}])
    spec = source_spec(
        "parquet", path, passages=[ChatPassages(messages="chat", field=None)]
    )
    (record,) = ParquetConnector(spec).locate(subject()).records
    (passage,) = record.passages
    assert passage.prompt.reveal() == "Where does Ada live?"
    assert passage.answer.reveal() == "In Ulm."


def test_a_column_that_is_called_like_somebody_makes_rows_count_that_have_it(
    tmp_path: Path,
) -> None:
    rows = [
        {"id": "r-1", "notes": {"C-1001": 3, "C-1002": None}},
        {"id": "r-2", "notes": {"C-1001": None, "C-1002": 3}},
    ]
    path = write_parquet(tmp_path / "wide.parquet", rows)
    found = open_source(path).locate(subject())
    assert [item.record_id for item in found.records] == ["r-1"]
    assert found.searched == 2


def test_a_row_with_a_malformed_chat_is_not_read(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "chats.parquet", [{**PEOPLE[0], "chat": "a text"}])
    spec = source_spec(
        "parquet", path, passages=[ChatPassages(messages="chat", field=None)]
    )
    assert ParquetConnector(spec).locate(subject()).unreadable == 1
    assert list(ParquetConnector(spec).read()) == []


def test_redacted_rows_keep_schema_types_and_row_groups(path: Path) -> None:
    schema = pa.schema(
        [
            pa.field("id", pa.int64(), nullable=False),
            pa.field("customer", pa.int32()),
            pa.field("note", pa.dictionary(pa.int8(), pa.string())),
            pa.field("said", pa.list_(pa.struct([("by", pa.string())]))),
        ]
    )
    rows = [
        {"id": n, "customer": 1000 + n, "note": note, "said": [{"by": note}]}
        for n, note in enumerate(["Ben", "by Ada Example", "Ben"])
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema), path, row_group_size=1)
    connector = open_source(path)
    one = subject(name="Ada Example", customer_number="1001")
    assert connector.redact(["0", "1"], one, dry_run=False) == 1
    opened = pq.ParquetFile(path)
    assert (opened.num_row_groups, opened.schema_arrow) == (3, schema)
    assert opened.read().to_pylist() == [
        rows[0],
        {
            "id": 1,
            "customer": None,
            "note": "by [redacted]",
            "said": [{"by": "by [redacted]"}],
        },
        rows[2],
    ]


def test_a_column_that_may_not_be_empty_is_not_redacted(path: Path) -> None:
    schema = pa.schema(
        [("id", pa.int64()), pa.field("customer", pa.int32(), nullable=False)]
    )
    pq.write_table(pa.table({"id": [1], "customer": [1001]}, schema), path)
    before = path.read_bytes()
    one = subject(name="Ada Example", customer_number="1001")
    with pytest.raises(SourceUnreadableError, match="cannot_be_empty=customer"):
        open_source(path).redact(["1"], one, dry_run=False)
    assert path.read_bytes() == before
