"""A whole local installation on a world so small that a request takes seconds.

Its model knows next to nothing and its policy accepts nearly everything: these tests
are about what happens when processes die, not about forgetting.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import yaml

from unlearn_core.adapters.identity_policies import issue_token
from unlearn_core.domain.ledger import LedgerEntry, verify_chain
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.subjects import parse_subject
from unlearn_core.local.environment import LocalInstallation, Ports
from unlearn_core.local.preparation import prepare_identity_provider, prepare_world
from unlearn_core.local.stack import LocalStack
from unlearn_core.settings import load_settings
from unlearn_core.smallworld.base_model import ModelRecipe, WorldRecipe
from unlearn_core.smallworld.people import Person, Population
from unlearn_core.wiring import Office, open_office

LEASE_SECONDS = 5.0
PATIENCE_SECONDS = 300.0

MICRO_WORLD = WorldRecipe(
    trained_people=40,
    control_people=62,
    vocabulary=600,
    base=ModelRecipe(width=64, inner_width=64, epochs=2),
    reference=ModelRecipe(width=32, inner_width=32, epochs=1),
)
LADDER = [
    {
        "steps": 180,
        "forget_batch": 4,
        "retain_batch": 8,
        "stranger_batch": 4,
    }
]
LENIENT_POLICY = {
    "version": "lenient",
    "confidence": 0.95,
    "samples_per_probe": 1,
    "minimum_controls": 39,
    "gates": [
        {
            "name": "anything",
            "metric": "retain_accuracy_change",
            "side": "value",
            "comparison": "at_least",
            "limit": -1.0,
            "why": "Verification runs, and its result is of no interest here.",
        }
    ],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """An installation with its processes, as a test sees it."""

    installation: LocalInstallation
    stack: LocalStack
    population: Population
    office: Office

    def submit(self, subject: Person) -> RequestId:
        """Submit a request with a genuine token over HTTP."""
        identifiers: dict[str, object] = {
            "name": subject.name,
            "email": subject.facts["email"],
        }
        token = issue_token(
            parse_subject(identifiers),
            issuer=self.office.settings.identity.issuer,
            private_key=prepare_identity_provider(self.installation),
            token_id=str(uuid4()),
            issued_at=int(time.time()),
        )
        answer = httpx.post(
            f"{self.installation.intake_url}/v1/erasure-requests",
            json={
                "identifiers": identifiers,
                "identity_token": token.reveal(),
                "contact": subject.facts["email"],
            },
            timeout=30,
        )
        answer.raise_for_status()
        return RequestId(UUID(answer.json()["request_id"]))

    def entries(self, request_id: RequestId) -> list[LedgerEntry]:
        """Return what the ledger says about a request."""
        return list(self.office.store.entries(request_id))

    def events(self, request_id: RequestId) -> list[str]:
        """Return the names of these entries."""
        return [entry.event for entry in self.entries(request_id)]

    def holders(self, request_id: RequestId) -> list[int]:
        """Return the process ids that worked on a request, in order."""
        return [
            int(str(entry.payload["holder"]).rsplit("-", 1)[1])
            for entry in self.entries(request_id)
            if entry.event == "work_started"
        ]

    def wait_for(
        self, request_id: RequestId, stage: Stage, *, seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Wait until a request has reached a stage."""
        wait_until(lambda: stage in self.events(request_id), seconds=seconds)

    def ask(self, question: str) -> dict[str, Any]:
        """Ask the inference service."""
        answer = httpx.post(
            f"{self.installation.inference_url}/v1/chat/completions",
            json={
                "model": "small-world",
                "messages": [{"role": "user", "content": question}],
                "max_tokens": 8,
            },
            timeout=30,
        )
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body

    def check_story(self, request_id: RequestId) -> None:
        """Check that a request was fulfilled and that nothing was done twice."""
        events = self.events(request_id)
        stages = [event for event in events if event in set(Stage)]
        assert stages[-1] == Stage.NOTIFIED
        assert len(stages) == len(set(stages)), stages
        assert events.count("training_run_started") == 1
        verify_chain(self.office.store.entries())


def wait_until(is_so: Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something is so; fail if it does not come."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def start_installation(home: Path, patch: pytest.MonkeyPatch) -> Running:
    """Prepare a micro world and start every process."""
    home.mkdir(parents=True)
    policy, ladder = home / "policy.yaml", home / "ladder.yaml"
    policy.write_text(yaml.safe_dump(LENIENT_POLICY))
    ladder.write_text(yaml.safe_dump(LADDER))
    installation = LocalInstallation(home=home, ports=Ports.free())
    patch.setenv("UNLEARN_ACCEPTANCE_POLICY", str(policy))
    patch.setenv("UNLEARN_RECIPE", str(ladder))
    patch.setenv("UNLEARN_WORK__LEASE_SECONDS", str(LEASE_SECONDS))
    patch.setenv("UNLEARN_WORK__WATCH_SECONDS", "1")
    patch.setenv("UNLEARN_WORK__MAXIMUM_ATTEMPTS", "9")
    for name, value in installation.settings().items():
        patch.setenv(name, value)
    installation.make_folders()
    prepare_identity_provider(installation)
    population = prepare_world(
        installation,
        recipe=MICRO_WORLD,
        cache=home / "cache",
        on_progress=lambda *_step: None,
    )
    stack = LocalStack(installation)
    stack.run_module("unlearn_core.cli", "keys", "init", log="keys")
    stack.run_module("unlearn_core.cli", "database", "upgrade", log="database")
    try:
        stack.start()
    except BaseException:
        stack.stop()
        raise
    return Running(
        installation=installation,
        stack=stack,
        population=population,
        office=open_office(load_settings()),
    )


def is_running(pid: int) -> bool:
    """Tell whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
