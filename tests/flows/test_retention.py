from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from flows import retention, work
from unlearn_core.errors import StorageError


def use_station(monkeypatch: pytest.MonkeyPatch, closed: Callable[[], None]) -> None:
    """Have the flow open a station that gives names instead of desks."""

    @contextmanager
    def opened() -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(
            office=SimpleNamespace(retention=lambda *, holder: f"desk of {holder}"),
            expiry=lambda *, holder: f"limits of {holder}",
        )
        closed()

    monkeypatch.setattr(retention, "open_station", opened)


def test_the_flow_deletes_with_what_the_office_gives_and_closes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events = list[str]()
    use_station(monkeypatch, lambda: events.append("closed"))
    monkeypatch.setattr(retention, "expire_working_data", events.append)
    monkeypatch.setattr(retention, "apply_retention", events.append)
    retention.apply_retention_periods.fn()
    holder = work.holder_name()
    assert events == [f"limits of {holder}", f"desk of {holder}", "closed"]


def test_closed_requests_do_not_wait_for_open_ones_that_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events = list[str]()

    def down(_desk: str) -> None:
        raise StorageError(errno=5)

    use_station(monkeypatch, lambda: None)
    monkeypatch.setattr(retention, "expire_working_data", down)
    monkeypatch.setattr(retention, "apply_retention", events.append)
    with pytest.raises(StorageError):
        retention.apply_retention_periods.fn()
    assert events == [f"desk of {work.holder_name()}"]
