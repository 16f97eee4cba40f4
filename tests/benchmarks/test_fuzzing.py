import sys
from types import ModuleType

import pytest


@pytest.fixture
def fuzzing(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the benchmark; schemathesis is not installed beside the tests."""
    monkeypatch.setitem(sys.modules, "schemathesis", ModuleType("schemathesis"))
    monkeypatch.delitem(sys.modules, "benchmarks.fuzzing", raising=False)
    from benchmarks import fuzzing  # noqa: PLC0415 - after the stand-in

    return fuzzing


@pytest.mark.parametrize(
    "text",
    [
        "Traceback (most recent call last)",
        'File "app.py", line 3',
        "see site-packages",
        "torch.Size([3])",
        "pydantic.ValidationError",
        "object at 0x7f00deadbeef",
    ],
)
def test_what_tells_of_insides_is_a_leak(fuzzing: ModuleType, text: str) -> None:
    findings = fuzzing.Findings()
    findings.note("GET /x", status=400, text=f'{{"detail": "{text}"}}')
    assert findings.leaks == ["GET /x"]


def test_an_ordinary_refusal_is_neither_an_error_nor_a_leak(
    fuzzing: ModuleType,
) -> None:
    findings = fuzzing.Findings()
    findings.note("GET /x", status=422, text='{"code": "malformed"}')
    findings.note("GET /x", status=503, text="")
    assert (findings.errors, findings.leaks) == (["GET /x"], [])
    assert findings.statuses == {"GET /x": {422: 1, 503: 1}}


def test_questions_are_made_answerable_and_otherwise_left(fuzzing: ModuleType) -> None:
    body = {"model": "?", "prompt": "x" * 99, "n": 3, "max_tokens": 2000}
    assert fuzzing.answerable(body) == {
        "model": "small-world",
        "prompt": "x" * 20,
        "n": 3,
        "max_tokens": 4,
    }
    assert fuzzing.answerable({"messages": [], "model": "?"}) == {
        "model": "small-world",
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 4,
    }


@pytest.mark.parametrize(
    ("change", "sound"),
    [
        ({}, True),
        ({"server_errors": 1}, False),
        ({"leaks": 1}, False),
        ({"answers_as_before": False}, False),
    ],
)
def test_whatever_must_not_be_found_makes_it_fail(
    fuzzing: ModuleType, change: dict[str, object], *, sound: bool
) -> None:
    found = {"server_errors": 0, "leaks": 0, "answers_as_before": True} | change
    assert fuzzing.is_sound(found) is sound
