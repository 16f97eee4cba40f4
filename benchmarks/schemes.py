"""Compare the schemes with a retrained model: ``make bench-schemes``.

The columns are those of `benchmarks.forgetting`. Every scheme forgets the same
subjects of one world, each on its own. Where the offset strength has no part in
training, one pair is measured at several strengths: that is how the strengths in the
catalogue were chosen. ``rank`` is the other variant of Divergence Decoding: the tokens
that the side with the subject raises most are ruled out. It is no sum of laws, so it
cannot be served and is measured here only.

Every row of a subject is kept on disk, so a run that is interrupted goes on where it
was. It ends with one JSON line.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from torch import Tensor

from benchmarks.forgetting import (
    BASE,
    COLUMNS,
    DEFAULT,
    RETRAINED,
    drawn_from,
    summaries,
)
from benchmarks.forgetting_cells import Cell, measure
from benchmarks.keeping import kept
from benchmarks.small_worlds import SmallWorld, open_world
from unlearn_core.domain.canonical import JsonValue, digest_of_json
from unlearn_core.domain.datasets import Datasets
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.together import DerivedLaw
from unlearn_core.smallworld.people import Person
from unlearn_core.training.checkpoints import NoCheckpoints
from unlearn_core.training.pair import PairMaterials
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.schemes.base import OffsetPair, make_pair

RULED_OUT = -30.0
"""What a token that is ruled out loses, in nats; finite, so that sums stay numbers."""

PLAIN = replace(DEFAULT, retain_weight=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One training, measured at some strengths.

    Attributes:
        recipe: The recipe.
        strengths: Offset strengths; the recipe's own if none is named.
        ranks: How many tokens the rank variant rules out.
    """

    recipe: TrainingRecipe
    strengths: tuple[float, ...] = ()
    ranks: tuple[int, ...] = ()


TRIALS: Mapping[str, Trial] = {
    "delta": Trial(recipe=DEFAULT),
    "delta, rank 16": Trial(
        recipe=replace(DEFAULT, lora_rank=16, lora_alpha=32.0, learning_rate=2e-3)
    ),
    "divergence": Trial(
        recipe=replace(PLAIN, scheme="divergence", learning_rate=2e-3, steps=100),
        strengths=(1.0, 1.25, 1.5),
        ranks=(20,),
    ),
    "assistant": Trial(
        recipe=replace(DEFAULT, scheme="assistant", learning_rate=1e-3),
        strengths=(0.5, 0.75, 1.0),
    ),
    "assistant, first layer": Trial(
        recipe=replace(
            DEFAULT,
            scheme="assistant",
            scheme_parameters={"layers": 1},
            lora_rank=16,
            lora_alpha=32.0,
            learning_rate=2e-3,
        ),
        strengths=(0.75,),
    ),
    "misdirection": Trial(recipe=replace(DEFAULT, scheme="misdirection")),
}


class RankLaw(DerivedLaw):
    """The base without the tokens that one small model raises most over another.

    Args:
        world: The base.
        pair: The sides without (``unlearned``) and with (``reference``) the subject.
        ruled_out: How many tokens are ruled out at a position, those that are raised
            at all.
    """

    def __init__(self, world: SmallWorld, pair: OffsetPair, *, ruled_out: int) -> None:
        models = (world.base, pair.unlearned, pair.reference)
        super().__init__(*(PlainLaw(model) for model in models))
        self._ruled_out = ruled_out

    def derive(self, laws: Sequence[Tensor]) -> Tensor:
        """Return the base's law without those tokens."""
        base, without, within = laws
        return without_raised(base, within - without, count=self._ruled_out)


def without_raised(law: Tensor, raised: Tensor, *, count: int) -> Tensor:
    """Return a law ``[..., V]`` with its most raised tokens ruled out.

    Args:
        law: Log-probabilities.
        raised: By how much a token is raised; only positive values count.
        count: How many tokens are ruled out at most.
    """
    values, tokens = raised.topk(count, dim=-1)
    loss = torch.where(values > 0, RULED_OUT, 0.0)
    return torch.log_softmax(law.scatter_add(-1, tokens, loss), dim=-1)


@dataclass(slots=True, kw_only=True)
class Comparison:
    """One subject of one world, forgotten by every scheme from the start.

    Attributes:
        world: People and models.
        seed: Seed of the world.
        subject: Who is forgotten.
        folder: Where cells are kept.
        progress: Where training is shown.
    """

    world: SmallWorld
    seed: int
    subject: Person
    folder: Path
    progress: Progress

    def cells(self, trials: Mapping[str, Trial]) -> Iterator[tuple[str, Cell]]:
        """Yield the cell of every law, with its name."""
        # The retrained model first: every other row is compared with it.
        models = {RETRAINED: self.world.retrained, BASE: self.world.base}
        for name, model in models.items():
            law = PlainLaw(model)
            gone = {"without": len(self.world.subjects)}
            yield name, self._cell(name, gone, lambda law=law: law)  # type: ignore[misc]  # a default is bound early
        for name, trial in trials.items():
            pair = cache(partial(self._pair, name, trial))
            for label, strength in labels_of(name, trial).items():
                made_with = {"recipe": trial.recipe.digest, "strength": strength}
                law_of = partial(self._law, pair, strength)
                yield label, self._cell(label, made_with, law_of)

    def _cell(
        self,
        label: str,
        made_with: Mapping[str, JsonValue],
        law_of: Callable[[], NextTokenLaw],
    ) -> Cell:
        number = self.subject.number
        version = digest_of_json(
            {"label": label, **made_with, **drawn_from(self.world)}
        )[7:15]
        return kept(
            self.folder / f"{self.seed}-{number}-{version}.json",
            lambda: measure(
                law_of(), self._sets(), self.world, seed=self.seed, subject=number
            ),
            kind=Cell,
        )

    def _sets(self) -> Datasets:
        return self.world.datasets(self.subject, guessed=frozenset())

    def _pair(self, name: str, trial: Trial) -> OffsetPair:
        bar = self.progress.add_task(f"subject {self.subject.number}: {name}")
        return make_pair(
            self._sets(),
            materials=PairMaterials(
                base=self.world.base,
                tokenizer=self.world.tokenizer,
                reference=self.world.reference,
            ),
            recipe=trial.recipe,
            checkpoints=NoCheckpoints(),
            on_progress=lambda step: self.progress.update(
                bar, completed=step.step, total=step.steps
            ),
        )

    def _law(self, pair_of: Callable[[], OffsetPair], strength: float) -> NextTokenLaw:
        pair = pair_of()
        if isinstance(strength, int):
            return RankLaw(self.world, pair, ruled_out=strength)
        return OffsetModel(
            self.world.base,
            unlearned=pair.unlearned,
            reference=pair.reference,
            alpha=strength,
        )


def labels_of(name: str, trial: Trial) -> dict[str, float | int]:
    """Return what one pair is measured as: a strength, or a whole number of ranks."""
    if not trial.strengths:
        return {name: trial.recipe.alpha}
    return {f"{name}, alpha {value:g}": value for value in trial.strengths} | {
        f"{name}, rank {count}": count for count in trial.ranks
    }


def compare(trials: Mapping[str, Trial], *, name: str) -> None:
    """Read the command line, measure every trial, print table and JSON line.

    Args:
        trials: What is compared, by name.
        name: What is compared, in one word: the folder of the cells and the field of
            the JSON line.
    """
    parser = argparse.ArgumentParser(description=f"Compare the {name}.")
    parser.add_argument("--seed", type=int, default=0, help="of the world")
    parser.add_argument("--without", type=int, default=3, help="people not retrained")
    parser.add_argument("--subjects", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=trials, default=list(trials))
    parser.add_argument("--cache", type=Path, default=Path("var/bench"))
    options = parser.parse_args()
    console = Console(stderr=True)
    cells: dict[str, list[Cell]] = defaultdict(list)
    with Progress(console=console) as progress:
        world = open_world(
            options.seed,
            subjects=options.without,
            cache=options.cache,
            progress=progress,
        )
        for subject in world.subjects[: options.subjects]:
            comparison = Comparison(
                world=world,
                seed=options.seed,
                subject=subject,
                folder=options.cache / name,
                progress=progress,
            )
            chosen = {label: trials[label] for label in options.only}
            for label, cell in comparison.cells(chosen):
                cells[label].append(cell)
                console.print(label, summaries(cells)[label])
    rows = summaries(cells)
    title = f"{name.capitalize()}, compared with a retrained model"
    table = Table("", *COLUMNS, title=title)
    for label, row in rows.items():
        table.add_row(label, *(str(row[column]) for column in COLUMNS))
    console.print(table)
    print(json.dumps({"subjects": options.subjects, name: rows}))


if __name__ == "__main__":
    compare(TRIALS, name="schemes")
