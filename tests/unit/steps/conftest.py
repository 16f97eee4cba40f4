"""A controller for every test of the steps, with sets of a handful of examples."""

from functools import partial
from pathlib import Path

import pytest
from support.steps import SMALL_SIZES, Controller, open_controller

from unlearn_core.domain.curation import curate
from unlearn_core.steps import build_datasets, confirm_serving


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build small sets and wait for nothing."""
    monkeypatch.setattr(build_datasets, "curate", partial(curate, sizes=SMALL_SIZES))
    monkeypatch.setattr(confirm_serving, "POLL_SECONDS", 0.0)


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return open_controller(tmp_path)
