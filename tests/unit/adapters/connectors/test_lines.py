import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sources import source_spec, subject

from unlearn_core.adapters.connectors.lines import lines_of
from unlearn_core.adapters.connectors.matching import PeopleMatcher
from unlearn_core.adapters.connectors.sieve import Sieve
from unlearn_core.domain.needles import Needles

ANNA = subject(
    name="Zo\u00eb M\u00fcller", customer_number="4711234", email="zoe.m@gmail.com"
)
SPEC = source_spec("parquet", "people.parquet")
NUMBERS = frozenset(SPEC.identifiers.values())
MATCHER = PeopleMatcher([ANNA], SPEC)
SIEVE = Sieve(Needles([ANNA]))

SIGNS = (
    *(" ", "\n", "\r", "\x01", "\\", '"', ",", "x"),
    *("zoe", "ZO\u00cb", "Zoe\u0308", "M\u00fcller", "mueller"),
    *("47", "11234", "zoe.m", "@gmail.com"),
)
TEXTS = st.lists(st.sampled_from(SIGNS), max_size=6).map("".join)
ROWS = st.fixed_dictionaries(
    {
        "first": st.none() | TEXTS,
        "last": TEXTS,
        "number": st.none() | st.sampled_from([4711234, 4711235, 7]),
        "turns": st.none()
        | st.lists(st.fixed_dictionaries({"content": st.none() | TEXTS}), max_size=2),
        "tags": st.lists(st.tuples(TEXTS, TEXTS), max_size=2),
        "score": st.floats(allow_nan=False),
    }
)
SCHEMA = pa.schema(
    {
        "first": pa.dictionary(pa.int32(), pa.string()),
        "last": pa.large_string(),
        "number": pa.int64(),
        "turns": pa.list_(pa.struct({"content": pa.string()})),
        "tags": pa.map_(pa.string(), pa.string()),
        "score": pa.float64(),
    }
)


def batch(rows: list[dict[str, object]], schema: pa.Schema = SCHEMA) -> pa.RecordBatch:
    """Return rows as a table keeps them."""
    columns = [
        pa.array([row[field.name] for row in rows], _plain(field.type)).cast(field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


@given(st.lists(ROWS, max_size=5))
def test_what_matches_passes_wherever_a_table_keeps_it(
    rows: list[dict[str, object]],
) -> None:
    table = batch(rows)
    lines = lines_of(table, identifiers=NUMBERS | {"number"})
    assert lines is not None
    assert lines.count(b"\n") == len(rows)
    passing = SIEVE.passing(lines)
    read = table.to_pylist()
    for place, row in enumerate(read):
        text = [value for name, value in row.items() if name != "number"]
        asked = {"said": text, "number": str(row["number"])}
        if MATCHER.match(asked):
            assert place in passing


def test_others_do_not_pass() -> None:
    rows: list[dict[str, object]] = [
        {
            "first": name,
            "last": "Other",
            "number": 7,
            "turns": [{"content": "back\\slash\nand lines"}],
            "tags": [],
            "score": 1.5,
        }
        for name in ("Ben", "Zoe", None)
    ]
    rows[1]["turns"] = [{"content": "ask Zoe M\u00fcller"}, {"content": None}]
    lines = lines_of(batch(rows), identifiers=NUMBERS)
    assert lines is not None
    assert SIEVE.passing(lines) == [1]


@pytest.mark.parametrize(
    ("values", "identifiers"),
    [
        (pa.array([1.5]), {"it"}),
        (pa.array([b"bytes"]), set()),
        (pa.array([[b"bytes"]]), set()),
        (pa.array([["text"]]), {"it"}),
    ],
)
def test_what_arrow_would_write_otherwise_is_left_to_python(
    values: pa.Array, identifiers: set[str]
) -> None:
    rows = pa.RecordBatch.from_arrays([values], names=["it"])
    assert lines_of(rows, identifiers=identifiers) is None


@pytest.mark.parametrize(
    "kind",
    [pa.int64(), pa.uint32(), pa.float64(), pa.float32(), pa.decimal128(21, 2)],
)
def test_whole_numbers_are_looked_through_but_not_lists_of_them(
    kind: pa.DataType,
) -> None:
    values = pa.array([47112, 4711234, None], pa.int64()).cast(kind)
    struct = pa.StructArray.from_arrays([values], names=["n"])
    lists = pa.ListArray.from_arrays([0, 1, 2, 3], values)
    inner = pa.ListArray.from_arrays([0, 1, 2, 3], struct)
    for column, passing in (
        (values, [1]),
        (struct, [1]),
        (lists, []),
        (inner, [1]),
    ):
        rows = pa.RecordBatch.from_arrays([column], names=["it"])
        lines = lines_of(rows, identifiers=())
        assert lines is not None
        assert SIEVE.passing(lines) == passing


def test_no_rows_are_no_lines() -> None:
    lines = lines_of(batch([]), identifiers=NUMBERS)
    assert lines == b""
    assert SIEVE.passing(b"") == []
