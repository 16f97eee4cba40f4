"""Every row of the page about bad input names a test that is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "bad-input.md"
NAMED = re.compile(r"`(tests/\S+\.py)::(\w+)`")


def rows() -> list[str]:
    """Return the rows of the tables, without their heads."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return [
        line
        for line, before in zip(lines[1:], lines, strict=False)
        if line.startswith("|")
        and not line.startswith("|---")
        and before.startswith("|")
    ]


def test_the_page_has_rows() -> None:
    assert len(rows()) > 15


@pytest.mark.parametrize("row", rows())
def test_every_row_names_a_test_that_exists(row: str) -> None:
    named = NAMED.findall(row)
    assert named, row
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {
            item.name for item in tree.body if isinstance(item, ast.FunctionDef)
        }
