"""The pure parts of the benchmark that traces a pair."""

from pathlib import Path

import pytest

from benchmarks.tracing import draw, mean_effects
from unlearn_core.training.tracing import ROLES, Trace


def traced(effect: float) -> Trace:
    effects = {place: dict.fromkeys(ROLES, effect) for place in ("low", "high")}
    return Trace(base=-0.1, served=-4.0, effects=effects)


def test_effects_are_averaged_over_subjects_and_drawn(tmp_path: Path) -> None:
    effects = mean_effects([traced(0.2), traced(0.6)])
    assert effects["low"] == pytest.approx(dict.fromkeys(ROLES, 0.4))
    assert list(effects) == ["low", "high"]
    draw(effects, tmp_path / "plots" / "tracing.png")
    assert (tmp_path / "plots" / "tracing.png").read_bytes()[:4] == b"\x89PNG"
