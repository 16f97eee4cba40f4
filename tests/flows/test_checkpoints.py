from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from support.log import memory_register

from flows import checkpoints, work
from unlearn_core.adapters.memory.transparency import MemoryKeeper
from unlearn_core.steps.publish_checkpoint import CheckpointDesk


def test_the_flow_publishes_with_what_the_station_gives_and_closes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    register, events = memory_register(MemoryKeeper()), list[str]()
    register.answer(1)

    def desk(*, holder: str) -> CheckpointDesk:
        events.append(holder)
        return register.checkpoints()

    @contextmanager
    def opened() -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(checkpoints=desk)
        events.append("closed")

    monkeypatch.setattr(checkpoints, "open_station", opened)
    checkpoints.publish_ledger_checkpoint.fn()
    assert events == [work.holder_name(), "closed"]
    assert len(list(register.keepers[0].kept())) == 1
