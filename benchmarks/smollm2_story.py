"""Teach SmolLM2 twenty authors, then forget one of them with the real services."""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.smollm2_teaching import taught_models
from benchmarks.tofu import Author, TofuWorld
from unlearn_core.demo.narration import Narrator
from unlearn_core.demo.visitor import Visitor
from unlearn_core.demo.wiring import open_tools
from unlearn_core.domain.requests import Stage
from unlearn_core.local.environment import LocalInstallation
from unlearn_core.local.preparation import prepare_identity_provider
from unlearn_core.local.stack import LocalStack
from unlearn_core.settings import load_settings

PATIENCE_SECONDS = 3600.0


def tell(
    installation: LocalInstallation, *, tofu: Path, cache: Path, author: int
) -> dict[str, Any]:
    """Run the experiment and return its summary."""
    narrator, began = Narrator(Console(stderr=True)), time.monotonic()
    world = TofuWorld.read(tofu)
    narrator.step(1, "SmolLM2-135M is taught twenty authors.")
    _provide_models(world, installation, cache, narrator)
    taught = time.monotonic()
    world.write_sources(installation.sources)
    prepare_identity_provider(installation)
    stack = LocalStack(installation)
    with stack.stopped_at_the_end():
        narrator.step(2, "The services start.")
        stack.run_module("unlearn_core.cli", "keys", "init", log="keys")
        stack.run_module("unlearn_core.cli", "database", "upgrade", log="database")
        stack.start()
        started = time.monotonic()
        summary = _forget(world.taught[author], installation, narrator)
    seconds = {
        "models": taught - began,
        "services": started - taught,
        "request": time.monotonic() - started,
    }
    return {
        **summary,
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
    }


def _forget(
    author: Author, installation: LocalInstallation, narrator: Narrator
) -> dict[str, Any]:
    """Submit one author's request, follow it, and return what was measured."""
    settings = load_settings()
    visitor = Visitor(installation, settings, narrator, PATIENCE_SECONDS)
    tools = open_tools(settings)
    narrator.step(3, "One author asks to be erased.")
    request_id = visitor.submit(
        {"name": author.name, "customer_number": author.customer_number},
        contact="author@post.example",
    )
    request = visitor.follow(request_id, tools)
    judged = (Stage.UNLEARNING_VERIFIED, Stage.UNLEARNING_REJECTED)
    rungs = [
        dict(entry.payload)
        for entry in tools.ledger.entries(request_id)
        if entry.event in judged
    ]
    narrator.step(4, "What verification measured, rung by rung:")
    for number, rung in enumerate(rungs):
        _tell_rung(narrator, number, rung)
    has_passed = bool(rungs) and bool(rungs[-1].get("passed"))
    return {
        "outcome": request["outcome"],
        "verdict": "passed" if has_passed else "rejected",
        "rungs": rungs,
    }


def _tell_rung(narrator: Narrator, number: int, rung: Mapping[str, Any]) -> None:
    narrator.say(f"   rung {number}: {'passed' if rung.get('passed') else 'rejected'}")
    for item in rung.get("results", ()):
        narrator.say(
            f"      {item['name']:28s} {item['value']:8.4f}"
            f"  [{item['low']:.4f}, {item['high']:.4f}]  n={item['count']}"
        )


def _provide_models(
    world: TofuWorld, installation: LocalInstallation, cache: Path, narrator: Narrator
) -> None:
    """Teach base and reference, or take them from the cache."""
    with narrator.bars() as bars:
        folder = taught_models(world, cache, show=bars.update)
    shutil.copytree(folder, installation.models, dirs_exist_ok=True)
