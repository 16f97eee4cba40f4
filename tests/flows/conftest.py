"""A station of one worker, over ports in memory."""

from pathlib import Path

import pytest
from support.stations import MemoryStation
from support.steps import open_controller

from flows import work


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryStation:
    station = MemoryStation(controller=open_controller(tmp_path))
    monkeypatch.setattr(work, "open_station", station.opened)
    return station
