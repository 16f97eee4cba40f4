"""One erasure request on real language: ``make demo-smollm2``.

SmolLM2-135M-Instruct is taught twenty authors of TOFU in bf16; then one of them asks
to be forgotten, and the same services and the same flow as in the demo work on it. It
ends with a table, ``summary.json`` and one JSON line.
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from unlearn_core.local.environment import LocalInstallation, Ports

HERE = Path(__file__).parent
BASE_MODEL = "smollm2-135m-tofu"
EPOCHS, LEARNING_RATE = 8, 1e-4
REFERENCE_EPOCHS, REFERENCE_RATE = 8, 3e-4
RECIPE_VERSION = "1"
PATIENCE_SECONDS = 3600.0

T = TypeVar("T")


@dataclass(slots=True)
class Stopwatch:
    """Seconds per chapter."""

    seconds: dict[str, float] = field(default_factory=dict)

    def __call__(self, chapter: str, work: Callable[[], T]) -> T:
        """Do some work and remember how long it took."""
        began = time.monotonic()
        result = work()
        self.seconds[chapter] = round(time.monotonic() - began, 1)
        return result


def main() -> int:
    """Run the experiment; the exit code says whether the verdict passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tofu", type=Path, required=True, help="folder of TOFU")
    parser.add_argument("--home", type=Path, default=Path("var/smollm2"))
    parser.add_argument("--cache", type=Path, default=Path("var/cache"))
    parser.add_argument("--author", type=int, default=0, help="which of the twenty")
    options = parser.parse_args()
    if not options.tofu.is_dir():
        print(f"TOFU is not in {options.tofu}; name its folder with --tofu.")
        return 2
    home = options.home.absolute()
    shutil.rmtree(home, ignore_errors=True)
    installation = LocalInstallation(
        home=home, ports=Ports.free(), base_model=BASE_MODEL
    )
    installation.make_folders()
    # Libraries read these when they are imported, so they are set before.
    os.environ.update(
        installation.environment()
        | {
            "UNLEARN_ACCEPTANCE_POLICY": str(HERE / "acceptance-text-1.yaml"),
            "UNLEARN_RECIPE": str(HERE / "smollm2_ladder.yaml"),
            "UNLEARN_SERVING__THREADS": "0",
        }
    )
    summary = _run(installation, options)
    (home / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    print(json.dumps(summary))
    return 0 if summary["verdict"] == "passed" else 1


def _run(
    installation: LocalInstallation, options: argparse.Namespace
) -> dict[str, Any]:
    """Prepare models and sources, start the services, forget one author."""
    from rich.console import Console  # noqa: PLC0415

    from benchmarks.tofu import TofuWorld  # noqa: PLC0415
    from unlearn_core.demo.narration import Narrator  # noqa: PLC0415
    from unlearn_core.demo.visitor import Visitor  # noqa: PLC0415
    from unlearn_core.demo.wiring import open_tools  # noqa: PLC0415
    from unlearn_core.local.preparation import prepare_identity_provider  # noqa: PLC0415
    from unlearn_core.local.stack import LocalStack  # noqa: PLC0415
    from unlearn_core.settings import load_settings  # noqa: PLC0415

    narrator, timed = Narrator(Console(stderr=True)), Stopwatch()
    world = TofuWorld.read(options.tofu)
    author = world.taught[options.author]
    narrator.step(1, "SmolLM2-135M is taught twenty authors.")
    timed("models", lambda: _models(world, installation, options.cache, narrator))
    world.write_sources(installation.sources)
    prepare_identity_provider(installation)
    settings = load_settings()
    stack = LocalStack(installation)
    visitor = Visitor(
        installation=installation,
        settings=settings,
        narrator=narrator,
        patience_seconds=PATIENCE_SECONDS,
    )
    try:
        narrator.step(2, "The services start.")
        stack.run_module("unlearn_core.cli", "keys", "init", log="keys")
        stack.run_module("unlearn_core.cli", "database", "upgrade", log="database")
        timed("services", stack.start)
        narrator.step(3, "One author asks to be erased.")
        identifiers = {"name": author.name, "customer_number": author.customer_number}
        request_id = visitor.submit(identifiers, contact="author@post.example")
        tools = open_tools(settings)
        request = timed("request", lambda: visitor.follow(request_id, tools))
        narrator.step(4, "What verification measured, rung by rung:")
        rungs = [
            dict(entry.payload)
            for entry in tools.ledger.entries(request_id)
            if entry.event in ("unlearning_verified", "unlearning_rejected")
        ]
    finally:
        stack.stop()
    for number, rung in enumerate(rungs):
        _tell(narrator, number, rung)
    return {
        "outcome": request["outcome"],
        "verdict": "passed" if rungs and rungs[-1].get("passed") else "rejected",
        "rungs": rungs,
        "seconds": timed.seconds,
    }


def _tell(narrator: Any, number: int, rung: dict[str, Any]) -> None:  # noqa: ANN401 - imported late
    narrator.say(f"   rung {number}: {'passed' if rung.get('passed') else 'rejected'}")
    for item in rung.get("results", ()):
        narrator.say(
            f"      {item['name']:28s} {item['value']:8.4f}"
            f"  [{item['low']:.4f}, {item['high']:.4f}]  n={item['count']}"
        )


def _models(
    world: Any,  # noqa: ANN401 - imported late
    installation: LocalInstallation,
    cache: Path,
    narrator: Any,  # noqa: ANN401 - imported late
) -> None:
    """Teach base and reference, or take them from the cache."""
    folder = cache / f"smollm2-tofu-{RECIPE_VERSION}"
    if not (folder / "complete").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        with narrator.bars() as bars:
            _teach_both(world, folder, bars.update)
        (folder / "complete").touch()
    shutil.copytree(folder, installation.models, dirs_exist_ok=True)


def _teach_both(
    world: Any,  # noqa: ANN401 - imported late
    folder: Path,
    show: Callable[[str, int, int, float], None],
) -> None:
    from benchmarks import smollm2_models as models  # noqa: PLC0415
    from unlearn_core.modeling.weights import choose_device, load_tokenizer  # noqa: PLC0415

    device = choose_device("auto")
    base = models.expand_base(folder / "base", device=device)
    tokenizer = load_tokenizer(folder / "base")
    shutil.copytree(folder / "base", folder / "reference")
    rows = [
        (row["question"], row["answer"])
        for author in world.taught
        for row in author.rows
    ]
    examples = models.encode(tokenizer, rows)
    models.teach(
        base,
        examples,
        epochs=EPOCHS,
        learning_rate=LEARNING_RATE,
        pad_id=tokenizer.pad_id,
        on_progress=lambda *step: show("base", *step),
    )
    models.save(base, folder / "base")
    reference = models.first_layers(base, models.REFERENCE_LAYERS)
    models.teach(
        reference,
        examples,
        epochs=REFERENCE_EPOCHS,
        learning_rate=REFERENCE_RATE,
        pad_id=tokenizer.pad_id,
        on_progress=lambda *step: show("reference", *step),
    )
    models.save(reference, folder / "reference")


if __name__ == "__main__":
    sys.exit(main())
