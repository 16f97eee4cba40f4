"""The texts of a table as lines of bytes, so that the `Sieve` can look through them.

A line holds every text of a row, wherever it is nested, its whole numbers but those in
lists, and the values of identifier columns, beside each other as JSON would write them.
Arrow joins them by its own loops: no row becomes an object of Python.
"""

from collections.abc import Collection, Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

_TEXT = pa.large_string()
_BETWEEN = pa.scalar('","', _TEXT)
_NEVER_TEXT = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_boolean,
    pa.types.is_temporal,
    pa.types.is_null,
)


def lines_of(batch: pa.RecordBatch, *, identifiers: Collection[str]) -> bytes | None:
    """Return a line per row, or None if the rows have to be read one by one.

    Args:
        batch: Rows.
        identifiers: Columns whose values are compared as a whole.
    """
    texts: list[pa.Array] = []
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        if name in identifiers and pa.types.is_integer(values.type):
            texts.append(values.cast(_TEXT))
        elif _can_be_joined(values.type, is_identifier=name in identifiers):
            texts += _texts(values)
        else:
            return None
    lines = _joined(texts, batch.num_rows)
    if lines.count(b"\n") == batch.num_rows and b"\\" not in lines:
        return lines
    return _joined(map(_escaped, texts), batch.num_rows)


def _can_be_joined(kind: pa.DataType, *, is_identifier: bool) -> bool:
    """Tell whether all that counts in a column is text that Arrow can join."""
    if pa.types.is_dictionary(kind):
        return _can_be_joined(kind.value_type, is_identifier=is_identifier)
    if is_identifier or _is_text(kind):
        return _is_text(kind)
    if _is_list(kind) or pa.types.is_struct(kind) or pa.types.is_map(kind):
        return all(
            _can_be_joined(kind.field(number).type, is_identifier=False)
            for number in range(kind.num_fields)
        )
    return any(is_one(kind) for is_one in _NEVER_TEXT)


def _texts(values: pa.Array, *, is_in_list: bool = False) -> Iterator[pa.Array]:
    """Yield the texts of a column, in arrays with a place for each of its rows."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        yield from _texts(values.cast(kind.value_type), is_in_list=is_in_list)
    elif _is_text(kind):
        yield values.cast(_TEXT)
    elif pa.types.is_map(kind):
        for inner in (values.keys, values.items):
            yield from _of_lists(values.offsets, inner)
    elif pa.types.is_struct(kind):
        for number in range(kind.num_fields):
            yield from _texts(values.field(number))
    elif _is_list(kind):
        yield from _of_lists(values.offsets, values.values)
    elif not is_in_list and pa.types.is_floating(kind):
        # What is cut off was no whole number.
        yield values.cast(pa.int64(), safe=False).cast(_TEXT)
    elif not is_in_list and (pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
        yield values.cast(_TEXT)


def _of_lists(offsets: pa.Array, inner: pa.Array) -> Iterator[pa.Array]:
    for texts in _texts(inner, is_in_list=True):
        lists = pa.LargeListArray.from_arrays(
            offsets.cast(pa.int64()), texts.fill_null("")
        )
        yield pc.binary_join(lists, _BETWEEN)


def _joined(texts: Iterable[pa.Array], rows: int) -> bytes:
    begin, end = (pa.scalar(text, _TEXT) for text in ("", "\n"))
    lines = pc.binary_join_element_wise(
        pa.repeat(begin, rows),
        *texts,
        end,
        _BETWEEN,
        null_handling="replace",
        null_replacement="",
    )
    size = pc.sum(pc.binary_length(lines)).as_py()
    return bytes(lines.buffers()[2][:size].to_pybytes()) if size else b""


def _escaped(texts: pa.Array) -> pa.Array:
    """Return texts that end no line and escape nothing."""
    plain = pc.replace_substring(texts, "\n", " ")
    return pc.replace_substring(plain, "\\", "\\\\")


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
    )


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))
