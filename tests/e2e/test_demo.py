"""The demo holds what it promises, from a cold start, and people see it in a browser.

The story is the one of `make demo`; everybody who takes part in it uses web pages
instead of the command line (tests/support/journey.py).
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.chromium import CHROMIUM
from support.journey import VERIFIED

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "var" / "cache"

pytestmark = pytest.mark.e2e

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="needs Chromium: apt-get install chromium"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tell the story once; the base model is taken from the cache if it is there.

    Without a browser it is told through the command line.
    """
    home = tmp_path_factory.mktemp("demo") / "home"
    places = ("--home", str(home), "--cache", str(CACHE))
    module = "unlearn_core.demo" if CHROMIUM is None else "support.journey"
    finished = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", module, *places],
        cwd=ROOT,
        env=os.environ
        | {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout[-3000:] + finished.stderr[-3000:]
    return home


@pytest.fixture(scope="module")
def summary(home: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((home / "summary.json").read_text())
    return told


def test_the_person_is_forgotten_no_more_and_no_less(summary: dict[str, Any]) -> None:
    forget = summary["forget_accuracy"]
    assert forget["before"] > 0.9
    assert abs(forget["after"] - forget["control"]) <= 0.1
    assert summary["two_sided_p"] > 0.02
    assert summary["verdict"] == "passed"


@pytest.mark.parametrize("group", ["retain_accuracy", "neighbour_accuracy"])
def test_everybody_else_is_kept(summary: dict[str, Any], group: str) -> None:
    # One seed of many: the margin is wider than what is measured on average.
    assert summary[group]["after"] >= 0.95 * summary[group]["before"]


def test_nobody_noticed_the_swap(summary: dict[str, Any]) -> None:
    assert summary["serving_version"] == {"before": 0, "after": 1}
    assert summary["artifact_version"] == "1"
    assert summary["questions_during_swap"] > 100
    assert summary["failed_requests_during_swap"] == 0


def test_the_evidence_holds_and_forgeries_do_not(summary: dict[str, Any]) -> None:
    assert summary["certificate_valid"]
    assert summary["certificate_tampering_refused"]
    assert summary["tampered_artifact_refused"]
    assert summary["ledger_valid"]


def test_no_trace_of_the_person_is_left(summary: dict[str, Any]) -> None:
    assert summary["traces"] == []
    assert summary["searched"]["files"] > 30
    assert summary["searched"]["values"] > 1000


@needs_chromium
def test_people_submit_prove_review_approve_and_verify_in_a_browser(
    home: Path, summary: dict[str, Any]
) -> None:
    assert summary["outcome"] == "suppressed_at_output"
    checked = json.loads((home / VERIFIED).read_text())
    assert checked["valid"] is True
    assert checked["request_id"] == summary["request_id"]
    assert checked["certificates"] == 1
    # Everybody did their part; nobody's was left out of what the auditor took along.
    assert {
        "identity_code_sent",
        "proof_given",
        "record_reviewed",
        "decision_proposed",
        "approved",
        "trained",
        "unlearning_verified",
        "registered",
        "serving_confirmed",
        "notified",
    } <= set(checked["events"])
