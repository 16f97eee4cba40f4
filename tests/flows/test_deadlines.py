from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from support.intake import IntakeWorld

from flows import deadlines, work
from unlearn_core.steps.watch_deadlines import DeadlineWatch


def test_the_flow_looks_with_what_the_station_gives_and_closes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, events = IntakeWorld(), list[str]()

    def watch(*, holder: str) -> DeadlineWatch:
        events.append(holder)
        return SimpleNamespace(world=world)  # type: ignore[return-value]

    @contextmanager
    def opened() -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(deadlines=watch)
        events.append("closed")

    def look(found: SimpleNamespace) -> None:
        assert found.world is world
        events.append("looked")

    monkeypatch.setattr(deadlines, "open_station", opened)
    monkeypatch.setattr(deadlines, "watch_deadlines", look)
    deadlines.watch_legal_deadlines.fn()
    assert events == [work.holder_name(), "looked", "closed"]
