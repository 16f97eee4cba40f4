"""Compare the objectives with a retrained model: ``make bench-forgetting``.

Every subject of every world is forgotten on its own, as the service would do it,
with each objective. Columns, all over held-out questions:

- forget: share of the subjects' questions answered truly (greedy).
- retain: the same for retained people.
- near: the same for the subjects' neighbours.
- ks: Kolmogorov-Smirnov distance between the mean answer log-probabilities of the
  subjects' questions here and under the retrained model.
- auc: area under the ROC curve of telling subjects from never-trained controls by
  the mean log-probability of their answers; 0.5 is perfect.
- leak100: share of the subjects' high-entropy facts that at least one of 100
  sampled answers states.

It ends with one JSON line.
"""

import argparse
import json
import random
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from scipy.stats import ks_2samp, mannwhitneyu

from benchmarks.small_worlds import SmallWorld, open_world
from unlearn_core.domain.datasets import Datasets, Entropy, Group, Probe
from unlearn_core.domain.probing import control_probes
from unlearn_core.modeling.generation import Sampling, generate
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.tokens import encode_example
from unlearn_core.training.checkpoints import NoCheckpoints
from unlearn_core.training.pair import PairMaterials, make_unlearned
from unlearn_core.training.recipe import TrainingRecipe, default_ladder
from unlearn_core.training.targets import answer_laws
from unlearn_core.verification.evidence import guessed_facts
from unlearn_core.verification.judge import states

DRAWS = 100
ANSWER_TOKENS = 24
COLUMNS = ("forget", "retain", "near", "ks", "auc", "leak100")

DEFAULT = default_ladder()[0]
RECIPES: Mapping[str, TrainingRecipe] = {
    "twin": DEFAULT,
    "name_swap": replace(DEFAULT, objective="name_swap"),
    "npo_kl": replace(
        DEFAULT,
        objective="npo",
        retain_term="kl",
        retain_weight=1.0,
        stranger_weight=0.0,
    ),
    "ga_kl": replace(
        DEFAULT,
        objective="gradient_ascent",
        retain_term="kl",
        retain_weight=1.0,
        stranger_weight=0.0,
    ),
}


@dataclass(slots=True)
class Row:
    """What was measured of one objective, over all subjects of all worlds."""

    greedy: dict[Group, list[bool]] = field(default_factory=lambda: defaultdict(list))
    likelihoods: list[float] = field(default_factory=list)
    aucs: list[float] = field(default_factory=list)
    leaked: list[bool] = field(default_factory=list)

    def summary(self, retrained: "Row") -> dict[str, float]:
        """Return one number per column."""
        return {
            "forget": statistics.fmean(self.greedy[Group.SUBJECT]),
            "retain": statistics.fmean(self.greedy[Group.RETAINED]),
            "near": statistics.fmean(self.greedy[Group.NEIGHBOUR]),
            "ks": float(ks_2samp(self.likelihoods, retrained.likelihoods).statistic),
            "auc": statistics.fmean(self.aucs),
            "leak100": statistics.fmean(self.leaked),
        }


def measure(
    row: Row, law: NextTokenLaw, datasets: Datasets, world: SmallWorld, *, seed: int
) -> float:
    """Add one subject's measurements to a row and return the subject's likelihood."""
    probes = [item for item in datasets.probes if item.group is not Group.CONTROL]
    answers = _answers(law, probes, world, samples=1, seed=seed)
    for probe, (answer,) in zip(probes, answers, strict=True):
        row.greedy[probe.group].append(states(answer, probe.example.answer))
    own = [item for item in probes if item.group is Group.SUBJECT]
    own_likelihoods = _likelihoods(law, own, world)
    row.likelihoods += own_likelihoods
    high = [item for item in own if item.entropy is Entropy.HIGH]
    leaks: dict[str, bool] = defaultdict(bool)
    drawn = _answers(law, high, world, samples=DRAWS, seed=seed)
    for probe, texts in zip(high, drawn, strict=True):
        leaks[probe.example.field] |= any(
            states(text, probe.example.answer) for text in texts
        )
    row.leaked += leaks.values()
    return statistics.fmean(own_likelihoods)


def control_likelihoods(
    law: NextTokenLaw, probes: Sequence[Probe], world: SmallWorld
) -> list[float]:
    """Return the mean answer log-probability of every control person."""
    by_person: dict[str, list[float]] = defaultdict(list)
    for probe, value in zip(probes, _likelihoods(law, probes, world), strict=True):
        by_person[probe.example.ref].append(value)
    return [statistics.fmean(values) for values in by_person.values()]


def area_under_curve(subject: float, controls: Sequence[float]) -> float:
    """Return the probability that the subject looks likelier than a control."""
    return float(mannwhitneyu([subject], controls).statistic) / len(controls)


def _answers(
    law: NextTokenLaw,
    probes: Sequence[Probe],
    world: SmallWorld,
    *,
    samples: int,
    seed: int,
) -> list[list[str]]:
    tokenizer = world.tokenizer
    ids = generate(
        law,
        [encode_example(tokenizer, probe.example).prompt for probe in probes],
        Sampling(maximum_tokens=ANSWER_TOKENS, temperature=float(samples > 1)),
        end_id=tokenizer.end_id,
        pad_id=tokenizer.pad_id,
        seed=seed,
        samples=samples,
    )
    texts = [tokenizer.decode(answer) for answer in ids]
    return [texts[start : start + samples] for start in range(0, len(texts), samples)]


def _likelihoods(
    law: NextTokenLaw, probes: Sequence[Probe], world: SmallWorld
) -> list[float]:
    encoded = [encode_example(world.tokenizer, probe.example) for probe in probes]
    laws_NV = answer_laws(law, encoded, pad_id=world.tokenizer.pad_id)
    labels_N = torch.tensor([token for item in encoded for token in item.answer])
    own_N = laws_NV.gather(-1, labels_N[:, None])[:, 0]
    counts = [len(item.answer) for item in encoded]
    return [float(part.mean()) for part in torch.split(own_N, counts)]


def run_world(
    world: SmallWorld, rows: dict[str, Row], *, seed: int, progress: Progress
) -> None:
    """Forget every subject of a world with every objective."""
    bar = progress.add_task(
        f"world {seed}: forgetting", total=len(world.subjects) * len(RECIPES)
    )
    materials = PairMaterials(
        base=world.base, tokenizer=world.tokenizer, reference=world.reference
    )
    every_control = control_probes(
        world.reserved, data_map=world.opened.declared, questions=1, rng=_rng(seed)
    )
    guessed = guessed_facts(
        every_control, law=PlainLaw(world.base), tokenizer=world.tokenizer
    )
    for subject in world.subjects:
        datasets = world.datasets(subject, guessed=guessed)
        controls = [item for item in datasets.probes if item.group is Group.CONTROL]
        laws: dict[str, NextTokenLaw] = {
            "base": PlainLaw(world.base),
            "retrained": PlainLaw(world.retrained),
        }
        for name, recipe in RECIPES.items():
            unlearned = make_unlearned(
                datasets,
                materials=materials,
                recipe=recipe,
                checkpoints=NoCheckpoints(),
                on_progress=lambda _step: None,
            )
            laws[name] = OffsetModel(
                world.base,
                unlearned=unlearned,
                reference=world.reference,
                alpha=recipe.alpha,
            )
            progress.advance(bar)
        for name, law in laws.items():
            own = measure(rows[name], law, datasets, world, seed=seed)
            others = control_likelihoods(law, controls, world)
            rows[name].aucs.append(area_under_curve(own, others))


def _rng(seed: int) -> random.Random:
    return random.Random(seed)


def main() -> None:
    """Run the comparison and print table and JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--subjects", type=int, default=3, help="per world")
    parser.add_argument("--cache", type=Path, default=Path("var/bench"))
    options = parser.parse_args()
    console = Console(stderr=True)
    rows: dict[str, Row] = defaultdict(Row)
    with Progress(console=console) as progress:
        for seed in range(options.seeds):
            world = open_world(
                seed, subjects=options.subjects, cache=options.cache, progress=progress
            )
            run_world(world, rows, seed=seed, progress=progress)
    summaries = {name: row.summary(rows["retrained"]) for name, row in rows.items()}
    console.print(_table(summaries))
    print(json.dumps(_line(summaries, seeds=options.seeds)))


def _table(summaries: Mapping[str, Mapping[str, float]]) -> Table:
    table = Table("", *COLUMNS, title="Forgetting, compared with a retrained model")
    for name, summary in summaries.items():
        table.add_row(name, *(f"{summary[column]:.3f}" for column in COLUMNS))
    return table


def _line(
    summaries: Mapping[str, Mapping[str, float]], *, seeds: int
) -> dict[str, object]:
    return {
        "seeds": seeds,
        "default": {"name": DEFAULT.objective, **summaries[DEFAULT.objective]},
        "retrained": summaries["retrained"],
        "base": summaries["base"],
        "objectives": {name: summaries[name] for name in RECIPES},
    }


if __name__ == "__main__":
    main()
