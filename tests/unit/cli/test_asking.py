import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.cli import unlearn
from support.pages import answering

PERSON = "Ottilie Quastenflosser"


@dataclass(slots=True)
class Service:
    """Answers with the length of the question, and sometimes refuses."""

    sequence: int = 0
    status: int = 200

    def __call__(self, path: str, asked: Any) -> tuple[int, Any]:  # noqa: ANN401
        """Answer one question."""
        assert path == "/v1/chat/completions"
        text = f"{len(asked['messages'][0]['content'])} letters"
        return self.status, {
            "choices": [{"message": {"content": text}}],
            "offset": {"sequence": self.sequence},
        }


@pytest.fixture
def service(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    del home
    service = Service()
    with answering(service) as address:
        monkeypatch.setenv("UNLEARN_REPLICAS", json.dumps([address]))
        yield service


@pytest.mark.parametrize(
    ("sequence", "said"), [(0, "[no offset yet]"), (7, "[offset 7]")]
)
def test_every_question_is_answered_with_the_version_that_answered(
    service: Service, sequence: int, said: str
) -> None:
    service.sequence = sequence
    ran = unlearn("ask", stdin=b"Who?\n\n  Where now? \n")
    assert (ran.code, ran.out) == (0, "4 letters\n10 letters\n")
    assert ran.err.split("\n") == [f"  {said}", f"  {said}", ""]


def test_a_service_that_refuses_is_named_without_the_question(
    service: Service,
) -> None:
    service.status = 503
    ran = unlearn("ask", stdin=f"Who is {PERSON}?\n".encode())
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("serving_unavailable: ")
    assert "503" in ran.err
    assert "Ottilie" not in ran.err


def test_a_service_that_is_not_there_is_said(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del home
    monkeypatch.setenv("UNLEARN_REPLICAS", '["http://127.0.0.1:9"]')
    ran = unlearn("ask", stdin=b"Who?\n")
    assert (ran.code, ran.err.split(":")[0]) == (3, "serving_unavailable")


def test_a_question_is_not_taken_as_an_argument(home: Path) -> None:
    del home
    assert unlearn("ask", f"Who is {PERSON}?").code == 2
