"""The drawn life cycle is that of the code."""

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_diagram_shows_exactly_the_transitions() -> None:
    drawn = runpy.run_path(str(ROOT / "infra" / "draw_lifecycle.py"))["draw"]()
    assert (ROOT / "docs" / "lifecycle.md").read_text(encoding="utf-8") == drawn
