import io

import pytest
from support.file_sources import jsonl_bytes
from support.sources import source_spec

from unlearn_core.adapters.connectors.delimited import Delimited
from unlearn_core.adapters.connectors.formats import Edit, chooser
from unlearn_core.adapters.connectors.jsonl import JsonLines
from unlearn_core.adapters.connectors.parquet import Parquet


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
