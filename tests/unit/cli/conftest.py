"""An installation for the command line: database and keys in a folder."""

import os
from pathlib import Path

import pytest
from support.cli import write_installation

from unlearn_core.adapters.memory.contact import MemoryTrigger


@pytest.fixture
def trigger(monkeypatch: pytest.MonkeyPatch) -> MemoryTrigger:
    """Return the orchestrator in memory that the commands talk to."""
    trigger = MemoryTrigger()
    monkeypatch.setattr("unlearn_core.wiring.PrefectTrigger", lambda: trigger)
    return trigger


@pytest.fixture
def home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trigger: MemoryTrigger
) -> Path:
    """Return the folder of an installation that the environment points at."""
    del trigger
    # What benchmarks leave behind in a test run's environment is no setting of ours.
    for name in [name for name in os.environ if name.startswith("UNLEARN_")]:
        monkeypatch.delenv(name)
    for name, value in write_installation(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path
