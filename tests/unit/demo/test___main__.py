import os
import sys
from pathlib import Path
from typing import Any

import pytest

from unlearn_core.demo import __main__ as command
from unlearn_core.demo import story

HELD: dict[str, Any] = {
    "verdict": "passed",
    "certificate_valid": True,
    "certificate_tampering_refused": True,
    "tampered_artifact_refused": True,
    "ledger_valid": True,
    "failed_requests_during_swap": 0,
    "personal_data_traces": 0,
}


@pytest.fixture
def told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, Any], list[story.Story]]:
    """Let the story be told at once; return its summary and who told it."""
    summary, stories = dict(HELD), list[story.Story]()

    def run(teller: story.Story) -> dict[str, Any]:
        stories.append(teller)
        return summary

    monkeypatch.setattr(story.Story, "run", run)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    home, cache = str(tmp_path / "home"), str(tmp_path / "cache")
    monkeypatch.setattr(
        sys, "argv", ["demo", "--home", home, "--cache", cache, "--subject", "4"]
    )
    return summary, stories


def test_the_demo_succeeds_when_everything_held(
    told: tuple[dict[str, Any], list[story.Story]], tmp_path: Path
) -> None:
    assert command.main() == 0

    [teller] = told[1]
    assert teller.installation.home == tmp_path / "home"
    assert teller.cache == tmp_path / "cache"
    assert teller.subject_number == 4
    assert os.environ["PREFECT_HOME"] == str(tmp_path / "home" / "prefect")
    assert (tmp_path / "home" / "logs").is_dir()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("verdict", "rejected"),
        ("certificate_valid", False),
        ("certificate_tampering_refused", False),
        ("tampered_artifact_refused", False),
        ("ledger_valid", False),
        ("failed_requests_during_swap", 1),
        ("personal_data_traces", 1),
    ],
)
def test_one_thing_that_did_not_hold_fails_the_demo(
    told: tuple[dict[str, Any], list[story.Story]], name: str, value: object
) -> None:
    told[0][name] = value

    assert command.main() == 1
