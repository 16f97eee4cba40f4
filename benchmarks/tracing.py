"""Where the default pair acts, by causal tracing: ``make bench-tracing``.

Every subject of one world is forgotten on its own with the default recipe. For the
held-out questions the reference's states are put back into the unlearned model, module
by module and role by role of the tokens (`unlearn_core.training.tracing`). It draws a
plot and ends with one JSON line: for every place the mean effect over the subjects, 1
where what the pair does passes through, 0 where the place has no part in it.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import matplotlib as mpl
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import Progress

from benchmarks.forgetting import DEFAULT
from benchmarks.small_worlds import SmallWorld, open_world
from unlearn_core.domain.datasets import Datasets, Group
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.tokens import encode_example
from unlearn_core.smallworld.people import Person
from unlearn_core.training.checkpoints import NoCheckpoints
from unlearn_core.training.pair import PairMaterials
from unlearn_core.training.schemes.base import make_pair
from unlearn_core.training.tracing import ROLES, Trace, trace

mpl.use("agg")

Effects = dict[str, dict[str, float]]


def traced(
    world: SmallWorld, subject: Person, datasets: Datasets, *, progress: Progress
) -> Trace:
    """Forget a subject and trace its held-out questions."""
    bar = progress.add_task(f"subject {subject.number}")
    pair = make_pair(
        datasets,
        materials=PairMaterials(
            base=world.base, tokenizer=world.tokenizer, reference=world.reference
        ),
        recipe=DEFAULT,
        checkpoints=NoCheckpoints(),
        on_progress=lambda step: progress.update(
            bar, completed=step.step, total=step.steps
        ),
    )
    return trace(
        pair,
        [
            encode_example(world.tokenizer, probe.example)
            for probe in datasets.probes
            if probe.group is Group.SUBJECT
        ],
        name=world.tokenizer.text(f" {subject.name}"),
        base=PlainLaw(world.base),
        alpha=DEFAULT.alpha,
        pad_id=world.tokenizer.pad_id,
    )


def mean_effects(traces: Sequence[Trace]) -> Effects:
    """Return the mean over subjects, place by place and role by role."""
    return {
        place: {
            role: fmean(item.effects[place][role] for item in traces) for role in ROLES
        }
        for place in traces[0].effects
    }


def draw(effects: Effects, path: Path) -> None:
    """Draw roles against places; the darker, the more of the effect passes there."""
    rows = [[effects[place][role] for place in effects] for role in ROLES]
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(rows, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(effects)), list(effects), rotation=30, ha="right")
    axes.set_yticks(range(len(ROLES)), ROLES)
    axes.set_title("share of the pair's effect undone by the reference's state")
    for row, values in enumerate(rows):
        for column, value in enumerate(values):
            colour = "white" if value > 1 / 2 else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", c=colour)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def main() -> None:
    """Trace, draw, and print the JSON line."""
    parser = argparse.ArgumentParser(description="Trace where the pair acts.")
    parser.add_argument("--seed", type=int, default=0, help="of the world")
    parser.add_argument("--without", type=int, default=3, help="people not retrained")
    parser.add_argument("--subjects", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=Path("var/bench"))
    options = parser.parse_args()
    console = Console(stderr=True)
    with Progress(console=console) as progress:
        world = open_world(
            options.seed,
            subjects=options.without,
            cache=options.cache,
            progress=progress,
        )
        traces = [
            traced(
                world,
                subject,
                world.datasets(subject, guessed=frozenset()),
                progress=progress,
            )
            for subject in world.subjects[: options.subjects]
        ]
    effects = mean_effects(traces)
    plot = options.cache / "tracing.png"
    draw(effects, plot)
    console.print("plot:", str(plot))
    line = {
        "subjects": len(traces),
        "base": fmean(item.base for item in traces),
        "served": fmean(item.served for item in traces),
        "effects": effects,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
