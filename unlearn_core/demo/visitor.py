"""Somebody who uses a local installation from outside: command line and HTTP."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4

import httpx

from unlearn_core.cli.words import STAGE_WORDS
from unlearn_core.demo.narration import Narrator
from unlearn_core.demo.wiring import DemoTools, issue_token
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.subjects import parse_subject
from unlearn_core.local.environment import LocalInstallation
from unlearn_core.local.preparation import prepare_identity_provider
from unlearn_core.settings import Settings

LOOK_SECONDS = 0.5


class Guest(Protocol):
    """Somebody who uses an installation from outside."""

    def submit(self, identifiers: Mapping[str, object], *, contact: str) -> RequestId:
        """Submit a request."""
        ...

    def follow(self, request_id: RequestId, tools: DemoTools) -> dict[str, Any]:
        """Watch a request until it is closed or stuck; return its API document."""
        ...

    def fetch_certificate(self, request_id: RequestId, path: Path) -> bool:
        """Fetch the certificate, and say whether it is genuine."""
        ...


Visit = Callable[[LocalInstallation, Settings, Narrator], Guest]
"""Sends a guest."""


def _in_words(entry: LedgerEntry) -> str:
    """Return what happened, with the gates that failed if some did."""
    words = STAGE_WORDS.get(entry.event, "")
    failed = entry.payload.get("failed_gates")
    return (
        f"{words}: {', '.join(failed)}"
        if isinstance(failed, list) and failed
        else words
    )


@dataclass(frozen=True, slots=True)
class Visitor:
    """Submits, follows and checks requests.

    Attributes:
        installation: The installation that is visited.
        settings: Its settings.
        narrator: Tells what happens.
        patience_seconds: Longest wait for a request.
    """

    installation: LocalInstallation
    settings: Settings
    narrator: Narrator
    patience_seconds: float = 900.0

    def submit(self, identifiers: Mapping[str, object], *, contact: str) -> RequestId:
        """Submit through the command line; personal data goes through a pipe."""
        document = {
            "identifiers": dict(identifiers),
            "identity_token": self.identity_token(identifiers),
            "contact": contact,
        }
        answer = json.loads(self.unlearn("request", "submit", "--json", data=document))
        self.narrator.say(f"   request {answer['request_id']}, due {answer['due_on']}")
        return RequestId(UUID(answer["request_id"]))

    def identity_token(self, identifiers: Mapping[str, object]) -> str:
        """Return what the subject's identity provider issues."""
        token = issue_token(
            parse_subject(identifiers),
            issuer=self.settings.identity.issuer,
            private_key=prepare_identity_provider(self.installation),
            token_id=str(uuid4()),
            issued_at=int(time.time()),
        )
        return token.reveal()

    def follow(self, request_id: RequestId, tools: DemoTools) -> dict[str, Any]:
        """Watch the request until it is closed or waits for a person."""
        page = f"{self.installation.intake_url}/v1/erasure-requests/{request_id}"
        began, told = time.monotonic(), 0
        with self.narrator.working("working"):
            while True:
                request: dict[str, Any] = httpx.get(page, timeout=60).json()
                entries = list(tools.ledger.entries(request_id))
                elapsed = time.monotonic() - began
                for entry in entries[told:]:
                    if words := _in_words(entry):
                        self.narrator.say(f"   {elapsed:6.1f} s  {words}")
                told = len(entries)
                is_over = request["stage"] in (Stage.NOTIFIED, Stage.ESCALATED)
                if is_over or elapsed > self.patience_seconds:
                    return request
                time.sleep(LOOK_SECONDS)

    def fetch_certificate(self, request_id: RequestId, path: Path) -> bool:
        """Fetch the certificate and verify it by the command line."""
        self.unlearn("certificate", "fetch", str(request_id), "--file", str(path))
        trust = str(self.installation.keys / "trust.json")
        verify = ("certificate", "verify", str(path), "--trust", trust, "--json")
        return bool(json.loads(self.unlearn(*verify))["genuine"])

    def unlearn(self, *arguments: str, data: dict[str, Any] | None = None) -> bytes:
        """Run the command line in the installation's environment."""
        return subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "unlearn_core.cli", *arguments],
            input=json.dumps(data).encode() if data else b"",
            env=self.installation.environment(),
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
