"""The pure parts of the fuzzing of the intake API."""

import sys
from types import ModuleType

import pytest


@pytest.fixture
def fuzzing(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the benchmark; schemathesis is not installed beside the tests."""
    monkeypatch.setitem(sys.modules, "schemathesis", ModuleType("schemathesis"))
    for name in ("fuzzing", "fuzzing_intake"):
        monkeypatch.delitem(sys.modules, f"benchmarks.{name}", raising=False)
    from benchmarks import fuzzing_intake  # noqa: PLC0415 - after the stand-in

    return fuzzing_intake


@pytest.mark.parametrize(
    "text", ["Traceback (most recent", "sqlalchemy.exc", "k1:0a", "Ottilie", "fencing"]
)
def test_what_tells_of_insides_or_of_a_person_is_a_leak(
    fuzzing: ModuleType, text: str
) -> None:
    findings = fuzzing.Findings(fuzzing.INSIDES)
    findings.note("POST /x", status=400, text=f"it was {text}")
    assert findings.leaks == ["POST /x"]


def test_an_ordinary_refusal_is_no_leak(fuzzing: ModuleType) -> None:
    findings = fuzzing.Findings(fuzzing.INSIDES)
    findings.note("POST /x", status=422, text='{"code": "invalid_identifier"}')
    assert (findings.errors, findings.leaks) == ([], [])


def test_every_other_submission_names_an_invented_person(fuzzing: ModuleType) -> None:
    alone = {"identifiers": {"?": "?"}}
    assert fuzzing.about_somebody(alone) == alone
    assert fuzzing.about_somebody({}) == {}
    assert fuzzing.about_somebody(alone | {"contact": "c"}) == {
        "identifiers": {"name": "Xaver Beispiel", "email": "xaver@beispiel.example"},
        "contact": "c",
    }


@pytest.mark.parametrize(
    ("change", "sound"),
    [
        ({}, True),
        ({"server_errors": 1}, False),
        ({"leaks": 1}, False),
        ({"accepted": 0}, False),
        ({"answers_as_before": False}, False),
    ],
)
def test_whatever_must_not_be_found_makes_it_fail(
    fuzzing: ModuleType, change: dict[str, object], *, sound: bool
) -> None:
    found = {"server_errors": 0, "leaks": 0, "accepted": 1, "answers_as_before": True}
    assert fuzzing.is_sound(found | change) is sound
