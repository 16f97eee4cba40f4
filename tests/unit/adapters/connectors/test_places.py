from pathlib import Path

import pytest

from unlearn_core.adapters.connectors.data_map import open_data_map
from unlearn_core.adapters.connectors.places import (
    line_of,
    line_of_fault,
    located,
    read_yaml,
)
from unlearn_core.errors import InvalidDataMapError

TEXT = """\
version: 1
base_models: [small]
fields:
  city: {entropy: high}

sources:
  # The first one.
  - name: corpus
    kind: jsonl
    path: corpus.jsonl
    record_id: id
    identifiers: {name: name}
  - name: customers
    kind: sql
    record_id: id
    url: sqlite:///x.db
    table: people
    identifiers:
      name: name
    fields:
      city: city
holdout:
  {name: reserved, kind: jsonl, path: r, record_id: id, identifiers: {name: n}}
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("version",), 1),
        (("fields", "city", "entropy"), 4),
        (("sources", 0), 8),
        (("sources", 1, "identifiers", "name"), 19),
        # Missing: at the entry that lacks it.
        (("sources", 1, "nothing"), 13),
        (("nothing",), 1),
    ],
)
def test_an_entry_stands_in_its_line(path: tuple[str | int, ...], line: int) -> None:
    assert line_of(TEXT, path) == line


@pytest.mark.parametrize(
    ("source", "value", "line"),
    [
        ("customers", "sql", 14),
        ("customers", "nowhere", 13),
        ("corpus", None, 8),
        ("unknown", None, 1),
        (None, "small", 2),
    ],
)
def test_a_value_is_looked_for_inside_its_source(
    source: str | None, value: str | None, line: int
) -> None:
    assert line_of_fault(TEXT, source=source, value=value) == line


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("version: 1", "version: 2", 1),
        ("entropy: high", "entropy: medium", 4),
        ("path: corpus.jsonl", "pfad: corpus.jsonl", 10),
        ("kind: sql", "kind: oracle", 14),
        ("      city: city", "      shoe: city", 21),
        ("    table: people\n", "", 13),
        ("fields:\n", "fields: [\n", 6),
    ],
)
def test_an_error_of_the_data_map_points_at_the_line(
    tmp_path: Path, old: str, new: str, line: int
) -> None:
    path = tmp_path / "data-map.yaml"
    path.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(InvalidDataMapError) as raised:
        open_data_map(path)
    assert raised.value.facts["line"] == line


def test_an_empty_file_is_wrong_in_its_first_line() -> None:
    assert line_of("", ("version",)) == 1
    assert line_of_fault("", source=None, value="x") == 1


@pytest.mark.parametrize(
    ("path", "root", "expected"),
    [
        ("a/b.jsonl", None, "a/b.jsonl"),
        ("/a/b.jsonl", None, "/a/b.jsonl"),
        ("b.jsonl", Path("/a"), "/a/b.jsonl"),
        ("/a/b.jsonl", Path("/a"), "/a/b.jsonl"),
        ("..b/c", Path("/a"), "/a/..b/c"),
    ],
)
def test_a_path_leads_below_its_root(
    path: str, root: Path | None, expected: str
) -> None:
    assert located(path, None, root, kind="jsonl", source="corpus") == expected


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("..", None),
        ("a/..", None),
        ("/a/../b", None),
        ("/b", Path("/a")),
        ("", Path("/a")),
        ("a\0b", None),
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str, root: Path | None) -> None:
    with pytest.raises(InvalidDataMapError, match="source=corpus"):
        located(path, None, root, kind="jsonl", source="corpus")


@pytest.mark.parametrize(
    ("kind", "path", "url", "wrong"),
    [
        # An address would lead anywhere, whatever the root.
        ("jsonl", None, "/etc/people.jsonl", "problem=url"),
        ("mail", "mail", "mail", "problem=url"),
        ("s3", "people", None, "problem=path"),
        ("sql", "people", "sqlite:///x.db", "problem=path"),
        ("plug-in", "people", "there://people", "problem=url"),
        ("plug-in", None, None, "missing=path or url"),
        ("sql", None, None, "missing=path or url"),
    ],
)
def test_a_source_is_at_a_path_or_at_an_address(
    kind: str, path: str | None, url: str | None, wrong: str
) -> None:
    with pytest.raises(InvalidDataMapError, match=wrong):
        located(path, url, Path("/a"), kind=kind, source="corpus")


@pytest.mark.parametrize("kind", ["s3", "sql", "plug-in"])
def test_an_address_is_taken_as_it_is(kind: str) -> None:
    found = located(None, "s3://people/..", Path("/a"), kind=kind, source="corpus")
    assert found == "s3://people/.."


def test_what_is_merged_into_an_entry_is_not_there_twice() -> None:
    """Also where an entry is merged that others were merged into before."""
    text = (
        "deep:\n"
        "  inner: &inner\n"
        "    <<: {city: Ulm, phone: 1}\n"
        "    city: Bonn\n"
        "other:\n"
        "  <<: *inner\n"
        "  phone: 2\n"
    )
    assert read_yaml(text) == {
        "deep": {"inner": {"city": "Bonn", "phone": 1}},
        "other": {"city": "Bonn", "phone": 2},
    }
