import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from uuid import UUID

import pytest

from flows import reverification
from flows.reverification import reverify_certificates

ONE, TWO, THREE = UUID(int=1), UUID(int=2), UUID(int=3)


def test_everything_that_is_due_is_looked_at_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[object] = []

    @contextmanager
    def looking() -> Iterator[None]:
        told.append("begin")
        yield
        told.append("end")

    def task(name: str, request_id: UUID, *, return_state: bool) -> str:
        assert return_state
        told.append((name, request_id))
        return f"state of {name}"

    tasks = SimpleNamespace(
        destroy_kept_data=lambda key, **named: task("destroy", key, **named),
        reverify_certificate=lambda key, **named: task("ask", key, **named),
    )
    monkeypatch.setattr(reverification, "tasks", tasks)
    monkeypatch.setattr(reverification, "looking_at_certificates", looking)
    monkeypatch.setattr(reverification, "outlived_requests", lambda: (ONE,))
    monkeypatch.setattr(reverification, "due_requests", lambda: (TWO, THREE))

    states = reverify_certificates.fn()

    assert told == ["begin", ("destroy", ONE), ("ask", TWO), ("ask", THREE), "end"]
    # One that failed makes the run fail, and is no reason to leave out the next.
    assert states == ["state of destroy", "state of ask", "state of ask"]


def test_the_flow_reads_as_a_story_without_parameters() -> None:
    assert inspect.signature(reverify_certificates.fn).parameters == {}
    assert len(inspect.getsource(reverify_certificates.fn).splitlines()) <= 20
    assert reverify_certificates.persist_result is False
    assert reverify_certificates.log_prints is False
    assert reverify_certificates.name == "reverify-certificates"
