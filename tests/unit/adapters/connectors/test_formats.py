import io

import pyarrow as pa
import pytest
from support.file_sources import jsonl_bytes
from support.sources import source_spec, subject

from unlearn_core.adapters.connectors.arrow import ArrowStream
from unlearn_core.adapters.connectors.delimited import Delimited
from unlearn_core.adapters.connectors.formats import Edit, chooser
from unlearn_core.adapters.connectors.jsonl import JsonLines
from unlearn_core.adapters.connectors.parquet import Parquet
from unlearn_core.adapters.connectors.sieve import Sieve
from unlearn_core.domain.needles import Needles
from unlearn_core.errors import SourceUnreadableError


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jsonl", JsonLines),
        ("a.JSONL.GZ", JsonLines),
        ("b/a.ndjson.zst", JsonLines),
        ("a.csv.gz", Delimited),
        ("a.parquet", Parquet),
        ("a.txt", None),
        ("jsonl", None),
    ],
)
def test_a_format_is_chosen_by_the_end_of_the_name(
    name: str, kind: type[object] | None
) -> None:
    spec = source_spec("s3", "s3://bucket/prefix")
    form = chooser(spec, JsonLines(spec), Delimited(spec), Parquet(spec))(name)
    assert (type(form) if form else None) is kind


def test_the_one_file_that_the_data_map_names_may_be_called_anything() -> None:
    spec = source_spec("jsonl", "corpus.dump")
    choose = chooser(spec, JsonLines(spec))
    assert isinstance(choose("corpus.dump"), JsonLines)
    assert choose("other.dump") is None


def test_a_copy_without_anything_gone_is_the_same() -> None:
    data = b"\n" + jsonl_bytes() + b"{broken\n  \nno new line"
    with io.BufferedReader(io.BytesIO(data)) as file:
        target = io.BytesIO()
        JsonLines(source_spec()).copy(file, target, Edit(concerns=lambda _: False))
    assert target.getvalue() == data


def stream(**columns: pa.Array) -> io.BufferedReader:
    """Return an Arrow file with two rows, `a` and `b`."""
    table = pa.table({"id": pa.array(["a", "b"]), **columns})
    target = io.BytesIO()
    with pa.ipc.new_stream(target, table.schema) as writer:
        writer.write_table(table)
    return io.BufferedReader(io.BytesIO(target.getvalue()))


def sifted(file: io.BufferedReader) -> list[object]:
    sieve = Sieve(Needles([subject()]))
    return list(ArrowStream(source_spec()).sifted(file, sieve))


@pytest.mark.parametrize(
    "texts",
    [
        pa.array(["Ada Example", "no"], pa.string_view()),
        pa.RunEndEncodedArray.from_arrays([1, 2], ["Ada Example", "no"]),
        pa.DictionaryArray.from_arrays([0, 1], [["Ada Example"], ["no"]]),
    ],
    ids=["string_view", "run_end_encoded", "dictionary of lists"],
)
def test_a_type_that_arrow_cannot_take_apart_is_searched_all_the_same(
    texts: pa.Array,
) -> None:
    rows = [{"id": "a", "x": texts[0].as_py()}, {"id": "b", "x": texts[1].as_py()}]
    assert sifted(stream(x=texts)) == rows


def test_a_row_that_python_has_no_values_for_counts_as_unreadable() -> None:
    offsets = pa.py_buffer(bytes([0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0]))
    no_text = pa.Array.from_buffers(
        pa.string(), 2, [None, offsets, pa.py_buffer(b"\xffok")]
    )
    assert sifted(stream(x=no_text)) == [1, None]
    rows = list(ArrowStream(source_spec()).rows(stream(x=no_text)))
    assert rows == [None, {"id": "b", "x": "ok"}]


def test_two_columns_of_one_name_would_hide_one_of_them() -> None:
    table = pa.table([["a"], ["Ada Example"], ["no"]], names=["id", "x", "x"])
    target = io.BytesIO()
    with pa.ipc.new_stream(target, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(SourceUnreadableError):
        sifted(io.BufferedReader(io.BytesIO(target.getvalue())))
