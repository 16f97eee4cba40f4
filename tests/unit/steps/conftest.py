"""A controller for every test of the steps, with sets of a handful of examples.

Training and questioning are done once for each recipe and remembered: most tests only
need a request that has come so far. Those about training and verification themselves
ask for `unhurried`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from support.steps import Controller, open_controller

from unlearn_core.metrics import METRICS
from unlearn_core.steps import (
    confirm_serving,
    train_offset_pair,
    verify_unlearning,
)
from unlearn_core.training.schemes.base import make_pair
from unlearn_core.verification import reporting, suite
from unlearn_core.verification.evidence import gather_evidence
from unlearn_core.verification.plots import draw_plots

T = TypeVar("T")


def _remembered(
    work: Callable[..., T], *, by: Callable[..., object]
) -> Callable[..., T]:
    """Do some work once for each key that its keywords lead to."""
    known: dict[object, T] = {}

    def remember(*arguments: Any, **named: Any) -> T:  # noqa: ANN401 - passed through
        key = by(**named)
        if key not in known:
            known[key] = work(*arguments, **named)
        return known[key]

    return remember


_TRAINED = _remembered(make_pair, by=lambda recipe, **_: recipe.digest)
_QUESTIONED = _remembered(gather_evidence, by=lambda **_: None)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train and question once, draw nothing, wait for nothing."""
    monkeypatch.setattr(train_offset_pair, "make_pair", _TRAINED)
    monkeypatch.setattr(suite, "gather_evidence", _QUESTIONED)
    # A report then has the metrics of its gates only.
    monkeypatch.setattr(reporting, "METRICS", ())
    monkeypatch.setattr(verify_unlearning, "draw_plots", lambda *_, **__: {})
    monkeypatch.setattr(confirm_serving, "POLL_SECONDS", 0.0)


@pytest.fixture
def unhurried(_quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train, question and draw for real."""
    monkeypatch.setattr(train_offset_pair, "make_pair", make_pair)
    monkeypatch.setattr(suite, "gather_evidence", gather_evidence)
    monkeypatch.setattr(reporting, "METRICS", METRICS)
    monkeypatch.setattr(verify_unlearning, "draw_plots", draw_plots)


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return open_controller(tmp_path)
