import pytest

from unlearn_core.adapters.connectors.partitions import (
    partition_columns,
    with_columns,
)


@pytest.mark.parametrize(
    ("name", "location", "expected"),
    [
        ("/d/people/a=1/b=2/x.parquet", "/d/people", {"a": "1", "b": "2"}),
        ("/d/z=1/people/a=1/x.parquet", "/d/z=1/people", {"a": "1"}),
        ("/d/people/x=1.parquet", "/d/people", {}),
        ("/d/people/plain/=1/x.parquet", "/d/people", {}),
        ("/d/p/who=Ada%20Example/x.parquet", "/d/p", {"who": "Ada Example"}),
        ("/d/p/a=b=c/x.parquet", "/d/p", {"a": "b=c"}),
        ("/d/p/a=__HIVE_DEFAULT_PARTITION__/x.parquet", "/d/p", {"a": None}),
        ("training/a=1/x.parquet", "s3://bucket/training/", {"a": "1"}),
        ("\0v7\0training/a=1/x.parquet", "s3://bucket/training/", {"a": "1"}),
        ("a=1/x.parquet", "s3://bucket", {"a": "1"}),
    ],
)
def test_folders_between_a_source_and_its_file_are_columns(
    name: str, location: str, expected: dict[str, str | None]
) -> None:
    assert partition_columns(name, location) == expected


def test_a_row_that_has_the_column_itself_keeps_its_value() -> None:
    assert with_columns({"a": 1}, {"a": "2", "b": None}) == {"a": 1, "b": None}
    assert with_columns({"a": 1}, {}) == {"a": 1}
