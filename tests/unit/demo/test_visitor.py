import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console
from support.pages import answering
from support.steps import Controller, open_controller
from support.tools import tools_of

from unlearn_core.demo import visitor as visitor_module
from unlearn_core.demo.narration import Narrator
from unlearn_core.demo.visitor import Visitor
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.local.environment import LocalInstallation, Ports
from unlearn_core.settings import Settings

REQUEST = RequestId(UUID(int=7))


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return open_controller(tmp_path / "world")


@pytest.fixture
def page() -> StringIO:
    return StringIO()


def _visitor(folder: Path, page: StringIO, *, address: str = ":1") -> Visitor:
    ports = Ports(intake=int(address.rpartition(":")[2]))
    installation = LocalInstallation(home=folder / "home", ports=ports)
    installation.make_folders()
    return Visitor(
        installation=installation,
        settings=Settings(),
        narrator=Narrator(Console(file=page, width=120)),
    )


@pytest.mark.parametrize("end", [Stage.NOTIFIED, Stage.ESCALATED])
def test_a_request_is_followed_until_it_is_answered_or_waits(
    tmp_path: Path,
    controller: Controller,
    page: StringIO,
    monkeypatch: pytest.MonkeyPatch,
    end: Stage,
) -> None:
    monkeypatch.setattr(visitor_module, "LOOK_SECONDS", 0)
    stages = [Stage.LOCATED, Stage.TRAINED, end]
    asked: list[str] = []

    def answer(path: str, _posted: object) -> tuple[int, Any]:
        stage = stages[len(asked)]
        asked.append(path)
        controller.store.note(stage, {}, request_id=REQUEST)
        return 200, {"stage": stage, "outcome": None}

    with answering(answer) as address:
        visitor = _visitor(tmp_path, page, address=address)
        request = visitor.follow(REQUEST, tools_of(controller))

    assert request["stage"] == end
    assert asked == [f"/v1/erasure-requests/{REQUEST}"] * 3
    told = page.getvalue()
    assert told.count("personal data located in the sources") == 1
    assert told.count("offset pair trained") == 1


def test_a_rejection_names_the_gates_that_failed(
    tmp_path: Path, controller: Controller, page: StringIO
) -> None:
    gates = ["G2-truth-ratio", "G3-indistinguishable"]
    rejected = {"failed_gates": gates}
    controller.store.note(Stage.UNLEARNING_REJECTED, rejected, request_id=REQUEST)

    with answering(lambda *_: (200, {"stage": Stage.ESCALATED})) as address:
        _visitor(tmp_path, page, address=address).follow(REQUEST, tools_of(controller))

    assert ": G2-truth-ratio, G3-indistinguishable\n" in page.getvalue()


def _program(folder: Path, answer: dict[str, object]) -> Path:
    """Write a program that keeps what it was called with, and answers."""
    path, seen = folder / "program", folder / "seen.jsonl"
    path.write_text(
        f"#!{sys.executable}\n"
        "import json, sys\n"
        f"with open({str(seen)!r}, 'a') as file:\n"
        "    file.write(json.dumps([sys.argv[1:], sys.stdin.read()]) + '\\n')\n"
        f"print({json.dumps(answer)!r})\n",
        encoding="utf-8",
    )
    path.chmod(0o700)
    return path


def _calls(folder: Path) -> list[tuple[list[str], str]]:
    lines = (folder / "seen.jsonl").read_text().splitlines()
    return [tuple(json.loads(line)) for line in lines]


def test_personal_data_is_submitted_through_a_pipe_and_never_as_an_argument(
    tmp_path: Path,
    controller: Controller,
    page: StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    person = controller.population.trained[0]
    identifiers = {"name": person.name, "phone": person.facts["phone"]}
    answer: dict[str, object] = {"request_id": str(REQUEST), "due_on": "2026-04-02"}
    visitor = _visitor(tmp_path, page)
    monkeypatch.setattr(sys, "executable", str(_program(tmp_path, answer)))

    submitted = visitor.submit(identifiers, contact="someone@post.example")

    assert submitted == REQUEST
    [(arguments, piped)] = _calls(tmp_path)
    assert arguments == ["-m", "unlearn_core.cli", "request", "submit", "--json"]
    document = json.loads(piped)
    assert document["identifiers"] == identifiers
    assert document["contact"] == "someone@post.example"
    assert document["identity_token"].count(".") == 2
    assert "due 2026-04-02" in page.getvalue()
    assert person.name not in page.getvalue()


@pytest.mark.parametrize("genuine", [True, False])
def test_a_certificate_is_fetched_and_verified_with_the_public_keys(
    tmp_path: Path,
    page: StringIO,
    monkeypatch: pytest.MonkeyPatch,
    genuine: bool,  # noqa: FBT001 - a column of the table
) -> None:
    visitor = _visitor(tmp_path, page)
    path = tmp_path / "certificate.json"
    program = _program(tmp_path, {"genuine": genuine})
    monkeypatch.setattr(sys, "executable", str(program))

    assert visitor.fetch_certificate(REQUEST, path) is genuine

    [(fetched, _), (verified, _)] = _calls(tmp_path)
    assert fetched[2:] == ["certificate", "fetch", str(REQUEST), "--file", str(path)]
    trust = str(visitor.installation.keys / "trust.json")
    assert verified[2:] == [
        *("certificate", "verify", str(path)),
        *("--trust", trust, "--json"),
    ]


def test_a_command_that_fails_is_not_taken_for_an_answer(
    tmp_path: Path, page: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = _visitor(tmp_path, page)
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with pytest.raises(subprocess.CalledProcessError):
        visitor.fetch_certificate(REQUEST, tmp_path / "certificate.json")
