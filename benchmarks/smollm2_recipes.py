"""Try recipes on one of SmolLM2's twenty authors, without services.

``make bench-recipes TOFU=<folder>`` forgets the author by every rung of a ladder, at
several strengths. Columns:

- subject: mean log-probability of the tokens of the author's true answers, in nats, to
  trained and to paraphrased questions; control: the same of never-trained authors;
  retained: of authors who stay.
- rank: share of never-trained authors whose answers are less likely; 0.5 is the middle.
- exact, control_exact: share of the true tokens that are the most likely ones.

The row ``name_swap`` is no model but what that teacher teaches: the base, asked about
never-trained authors, with the author's true answers. It ends with one JSON line.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import torch
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from benchmarks.smollm2_teaching import taught_models
from benchmarks.tofu import TofuWorld
from benchmarks.tofu_pairs import LADDER, curated
from unlearn_core.adapters.connectors.data_map import open_data_map
from unlearn_core.domain.curation import as_twin
from unlearn_core.domain.datasets import Datasets, Group, Probe
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw, law_at_answers
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.tokens import (
    TransformersTokenizer,
    answer_positions,
    collate,
    encode_example,
    in_chunks,
)
from unlearn_core.modeling.weights import choose_device, load_model, load_tokenizer
from unlearn_core.training.checkpoints import NoCheckpoints
from unlearn_core.training.loop import TrainingProgress
from unlearn_core.training.pair import PairMaterials
from unlearn_core.training.recipe import TrainingRecipe, load_ladder
from unlearn_core.training.schemes.base import make_pair

SWAPPED_NAMES = 3

Row = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a law makes of the true answer to one question."""

    group: Group
    ref: str
    log_prob: float
    exact: float


def summary(answers: Sequence[Answered]) -> Row:
    """Return the columns of one row."""
    people: dict[Group, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    exact: dict[Group, list[float]] = defaultdict(list)
    for item in answers:
        people[item.group][item.ref].append(item.log_prob)
        exact[item.group].append(item.exact)
    means = {
        group: [fmean(values) for values in own.values()]
        for group, own in people.items()
    }
    (subject,) = means[Group.SUBJECT]
    controls = means.get(Group.CONTROL, [])
    row = {"subject": subject, "exact": fmean(exact[Group.SUBJECT])}
    if controls:
        row["rank"] = fmean(value < subject for value in controls)
        row["control"] = fmean(controls)
        row["control_exact"] = fmean(exact[Group.CONTROL])
    if Group.RETAINED in means:
        row["retained"] = fmean(means[Group.RETAINED])
    return row


def examine(
    law: NextTokenLaw, probes: Sequence[Probe], *, tokenizer: TransformersTokenizer
) -> list[Answered]:
    """Ask a law for the true answers of all probes."""
    encoded = [encode_example(tokenizer, probe.example) for probe in probes]
    found: list[tuple[float, float]] = []
    for chunk in in_chunks(encoded):
        batch = collate(
            chunk, pad_id=tokenizer.pad_id, maximum_tokens=law.maximum_tokens
        ).to(law.device)
        labels_N = answer_positions(batch).labels_N
        with torch.inference_mode():
            laws_NV = law_at_answers(law, batch)
        own_N = laws_NV.gather(-1, labels_N[:, None])[:, 0]
        hits_N = (laws_NV.argmax(-1) == labels_N).float()
        counts = [len(example.answer) for example in chunk]
        found += [
            (float(own.mean()), float(hits.mean()))
            for own, hits in zip(
                torch.split(own_N, counts), torch.split(hits_N, counts), strict=True
            )
        ]
    return [
        Answered(
            group=probe.group, ref=probe.example.ref, log_prob=log_prob, exact=exact
        )
        for probe, (log_prob, exact) in zip(probes, found, strict=True)
    ]


def swapped(datasets: Datasets) -> list[Probe]:
    """Ask about twins what the subject's probes ask, with the subject's answers."""
    subject = datasets.forget.subject
    return [
        replace(
            probe,
            example=replace(
                probe.example, prompt=as_twin(probe.example, subject, twin).prompt
            ),
        )
        for twin in datasets.holdout.twins[:SWAPPED_NAMES]
        for probe in datasets.probes
        if probe.group is Group.SUBJECT
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One author's sets and the models.

    Attributes:
        datasets: What is forgotten, kept and asked.
        materials: The models.
        tokenizer: Their tokenizer.
    """

    datasets: Datasets
    materials: PairMaterials
    tokenizer: TransformersTokenizer

    def row(self, law: NextTokenLaw, probes: Sequence[Probe]) -> Row:
        """Return the row of a law."""
        return summary(examine(law, probes, tokenizer=self.tokenizer))

    def untouched(self) -> dict[str, Row]:
        """Return what the base says, and what the name-swap teacher would teach."""
        law = PlainLaw(self.materials.base)
        return {
            "base": self.row(law, self.datasets.probes),
            "name_swap": self.row(law, swapped(self.datasets)),
        }

    def forgotten(
        self,
        recipe: TrainingRecipe,
        strengths: Sequence[float],
        on_progress: Callable[[TrainingProgress], None],
    ) -> dict[float, Row]:
        """Return a row per strength of the pair that a recipe makes."""
        pair = make_pair(
            self.datasets,
            materials=self.materials,
            recipe=recipe,
            checkpoints=NoCheckpoints(),
            on_progress=on_progress,
        )

        def law(alpha: float) -> NextTokenLaw:
            return OffsetModel(
                self.materials.base,
                unlearned=pair.unlearned,
                reference=pair.reference,
                alpha=alpha,
            )

        return {
            alpha: self.row(law(alpha), self.datasets.probes) for alpha in strengths
        }


def _open(options: argparse.Namespace, progress: Progress) -> Trial:
    """Teach the models, or take them from the cache, and build the sets."""
    world = TofuWorld.read(options.tofu)
    task = progress.add_task("teach", total=1)
    folder = taught_models(
        world,
        options.cache,
        show=lambda _name, done, every, _loss: progress.update(
            task, completed=done, total=every
        ),
    )
    progress.remove_task(task)
    device = choose_device("auto")
    tokenizer = load_tokenizer(folder / "base")
    author = world.taught[options.author]
    with tempfile.TemporaryDirectory() as sources:
        datasets = curated(
            author,
            open_data_map(world.write_sources(Path(sources))),
            forgotten=[author],
            token_count=lambda text: len(tokenizer.text(text)),
        )
    return Trial(
        datasets=datasets,
        materials=PairMaterials(
            base=load_model(folder / "base", device=device, dtype=torch.bfloat16),
            tokenizer=tokenizer,
            reference=load_model(folder / "reference", device=device),
        ),
        tokenizer=tokenizer,
    )


def _rows(options: argparse.Namespace, progress: Progress) -> dict[str, Row]:
    trial = _open(options, progress)
    rows = trial.untouched()
    for number, recipe in enumerate(load_ladder(options.ladder)):
        name = f"{number}: {recipe.trained_for}"
        task = progress.add_task(name, total=recipe.steps)

        def show(now: TrainingProgress, task: TaskID = task) -> None:
            progress.update(task, completed=now.step)

        strengths = sorted({recipe.alpha, *options.alpha})
        found = trial.forgotten(recipe, strengths, show)
        rows |= {f"{name} x {alpha:g}": row for alpha, row in found.items()}
    return rows


def _show(rows: Mapping[str, Row]) -> None:
    table = Table(title="One author, by recipe and strength")
    columns = list(rows["base"])
    table.add_column("")
    for name in columns:
        table.add_column(name, justify="right")
    for name, row in rows.items():
        cells = (f"{row[column]:.3f}" if column in row else "" for column in columns)
        table.add_row(name, *cells)
    Console(stderr=True).print(table)


def main() -> None:
    """Try every rung and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tofu", type=Path, required=True, help="folder of TOFU")
    parser.add_argument("--cache", type=Path, default=Path("var/bench"))
    parser.add_argument("--ladder", type=Path, default=LADDER)
    parser.add_argument("--alpha", type=float, nargs="*", default=[0.75, 1.0, 1.25])
    parser.add_argument("--author", type=int, default=0, help="which of the twenty")
    options = parser.parse_args()
    with Progress(console=Console(stderr=True)) as progress:
        rows = _rows(options, progress)
    _show(rows)
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
