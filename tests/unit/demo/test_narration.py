from io import StringIO

import pytest
from rich.console import Console

from unlearn_core.demo.narration import Narrator

SUMMARY = {
    "forget_accuracy": {"before": 0.96, "after": 0.021, "control": 0.0107},
    "retain_accuracy": {"before": 0.981, "after": 0.98},
    "neighbour_accuracy": {"before": 0.97, "after": 0.95},
    "verdict": "passed",
    "two_sided_p": 0.41,
    "questions_during_swap": 1234,
    "failed_requests_during_swap": 0,
    "tampered_artifact_refused": True,
    "certificate": "certificate.json",
    "certificate_valid": True,
    "certificate_tampering_refused": True,
    "ledger_valid": True,
    "personal_data_traces": 1,
    "traces": ["logs/prefect.log (bytes)"],
    "searched": {"files": 321, "values": 45678},
    "seconds": {"total": 180.5},
}


@pytest.fixture
def page() -> StringIO:
    return StringIO()


@pytest.fixture
def narrator(page: StringIO) -> Narrator:
    return Narrator(Console(file=page, width=120))


def test_a_chapter_has_its_number(narrator: Narrator, page: StringIO) -> None:
    narrator.step(3, "The subject asks.")

    assert page.getvalue() == "3. The subject asks.\n"


def test_the_table_compares_before_after_and_never_trained(
    narrator: Narrator, page: StringIO
) -> None:
    narrator.table(SUMMARY)

    rows = {
        line.split("  ")[0].strip(): line.split()[-3:]
        for line in page.getvalue().splitlines()
        if "%" in line
    }
    assert rows["the subject"] == ["96.0%", "2.1%", "1.1%"]
    assert rows["neighbours"][-2:] == ["97.0%", "95.0%"]
    assert rows["other people"][-2:] == ["98.1%", "98.0%"]


def test_every_proof_is_told(narrator: Narrator, page: StringIO) -> None:
    narrator.table(SUMMARY)

    told = page.getvalue()
    for line in (
        "verdict: passed",
        "two-sided p-value: 0.41",
        "questions asked meanwhile: 1234",
        "of these failed: 0",
        "tampered artifact refused: True",
        "certificate verifies offline: True",
        "every changed byte refused: True",
        "ledger verifies: True",
        "traces of the subject in 321 files and 45678 database values: 1",
        "a trace: logs/prefect.log (bytes)",
        "seconds: 180.5",
    ):
        assert f"  {line}\n" in told


def test_each_model_has_one_bar(narrator: Narrator, page: StringIO) -> None:
    with narrator.bars() as bars:
        bars.update("base", 1, 10, 2.5)
        bars.update("reference", 3, 10, 1.5)
        bars.update("base", 10, 10, 0.25)

    told = page.getvalue()
    assert "training the base model, loss 0.25" in told
    assert "10 of 10 steps" in told
    assert told.count("training the reference model") == 1


def test_work_in_progress_leaves_nothing_behind(
    narrator: Narrator, page: StringIO
) -> None:
    with narrator.working("searching"):
        narrator.say("meanwhile")

    assert "meanwhile" in page.getvalue()
