"""Compare the objectives with a retrained model: ``make bench-forgetting``.

Every subject of every world is forgotten on its own, as the service would do it: all
subjects with the default recipe, the first of each world with every other objective
and with `calibrated`: the default recipe, which then ends where the subject is like a
stranger, and is served at the strength that fits best. Columns, all over held-out
questions:

- forget: share of the subjects' questions answered truly (greedy).
- retain: the same for retained people; near: for the subjects' neighbours.
- ks: Kolmogorov-Smirnov distance between the log-probabilities of the subjects' facts
  here and under the retrained model; ks_bound: what it is at most.
- auc: area under the ROC curve of telling subjects from never-trained controls by
  the mean log-probability of their answers, 0.5 is perfect; auc_interval: what it
  would be with other people.
- leak100: share of the subjects' high-entropy facts that at least one of 100 sampled
  answers states, the samples shared by the questions about the fact.

Bounds hold with 95% confidence; `benchmarks.forgetting_summary` says under which
assumption. Every measurement is kept, so an interrupted run continues. It ends with
one JSON line; ``worlds`` in it has the default's row of every world on its own, for
whoever fears the luck of a seed.
"""

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.forgetting_cells import Cell, measure
from benchmarks.forgetting_summary import Summary, summary
from benchmarks.keeping import cached, kept
from benchmarks.small_worlds import CPU, SmallWorld, open_world
from unlearn_core.domain.canonical import JsonValue, digest_of, digest_of_json
from unlearn_core.domain.datasets import Comparison, Datasets, to_bytes
from unlearn_core.domain.probing import control_probes
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.weights import load_model
from unlearn_core.objectives import FORGET_OBJECTIVES
from unlearn_core.smallworld.people import Person
from unlearn_core.training.calibration import Limits
from unlearn_core.training.checkpoints import NoCheckpoints
from unlearn_core.training.loop import TrainingProgress
from unlearn_core.training.pair import PairMaterials
from unlearn_core.training.recipe import TrainingRecipe, default_ladder
from unlearn_core.training.schemes.base import make_pair
from unlearn_core.verification.evidence import guessed_facts

BASE, RETRAINED = "base", "retrained"
COLUMNS = (
    "forget",
    "retain",
    "near",
    "ks",
    "ks_bound",
    "auc",
    "auc_interval",
    "leak100",
)
ONLY_IN_THE_TABLE = "near"

# One request: there is nothing earlier to hold or to repair.
DEFAULT = replace(default_ladder()[0], retain_target="before", later_requests={})
CALIBRATED = "calibrated"
STRENGTH_FILE = "alpha.json"
SUBJECTS = 16
"""How many people of a world the retrained model does without."""
# What each objective was published with, if not a Kullback-Leibler term of weight 1;
# docs/catalogue/README.md. Steps, batches and learning rate are the default's.
RETAIN_TERMS: Mapping[str, tuple[str, float]] = {
    "maximum_entropy": ("descent", 10.0),
    "idk": ("answer_preservation", 1.0),
    "npo_entropy": ("descent_entropy", 1.0),
    "flat_tv": ("none", 0.0),
    "flat_kl": ("none", 0.0),
    "flat_pearson": ("none", 0.0),
    "e2urec": ("descent_kl", 1.5),
    "eul": ("descent_kl", 1.0),
    "jensun": ("jensen_shannon", 1.0),
}


def recipe_of(objective: str) -> TrainingRecipe:
    """Return the recipe that an objective, or `CALIBRATED`, is measured with."""
    if objective == DEFAULT.objective:
        return DEFAULT
    if objective == CALIBRATED:
        return replace(DEFAULT, calibration=asdict(Limits()))
    recipe = replace(DEFAULT, objective=objective, objective_parameters={})
    if objective == "name_swap":
        return recipe
    term, weight = RETAIN_TERMS.get(objective, ("kl", 1.0))
    return replace(
        recipe,
        retain_term=term,
        retain_weight=weight,
        stranger_weight=0.0,
    )


def what_decides(recipe: TrainingRecipe) -> dict[str, JsonValue]:
    """Return what of a recipe decides a pair that is kept.

    Pairs with limits were kept under the recipe alone when no strength was chosen.
    """
    chosen: dict[str, JsonValue] = {"strength": "chosen"} if recipe.calibration else {}
    return {"recipe": recipe.digest, **chosen}


def strength_of(folder: Path, *, recipe: TrainingRecipe) -> float:
    """Return the strength of a kept pair; the recipe's where none was chosen."""
    file = folder / STRENGTH_FILE
    return float(json.loads(file.read_text())) if file.is_file() else recipe.alpha


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """One world, whose subjects are forgotten one by one, each from the start.

    No subject is among the people who stay: the retrained model never saw any.

    Attributes:
        seed: Seed of the world.
        world: People and models.
        guessed: What the base guesses about reserved people.
        folder: Where cells are kept.
    """

    seed: int
    world: SmallWorld
    guessed: frozenset[tuple[str, str]]
    folder: Path

    def cell(self, name: str, subject: Person) -> Cell:
        """Return the cell of a model or an objective; trains if it must."""

        def measured() -> Cell:
            return measure(
                self._law(name, subject),
                self.datasets(subject),
                self.world,
                seed=self.seed,
                subject=subject.number,
            )

        made_with = {} if name in {BASE, RETRAINED} else what_decides(recipe_of(name))
        file = f"{self._place(subject, made_with)}-{name}.json"
        return kept(self.folder / file, measured, kind=Cell)

    def datasets(self, subject: Person) -> Datasets:
        """Return the sets of a subject."""
        return self.world.datasets(
            subject, guessed=self.guessed, erased=self.world.subjects
        )

    def offset_law(
        self,
        recipe: TrainingRecipe,
        subject: Person,
        *,
        on_progress: Callable[[TrainingProgress], None] = lambda _step: None,
    ) -> OffsetModel:
        """Return the base with a pair, which is trained if it is not kept."""
        world, sets = self.world, self.datasets(subject)

        def train(part: Path) -> None:
            pair = make_pair(
                sets,
                materials=PairMaterials(
                    base=world.base,
                    tokenizer=world.tokenizer,
                    reference=world.reference,
                ),
                recipe=recipe,
                checkpoints=NoCheckpoints(),
                on_progress=on_progress,
            )
            pair.unlearned.save_pretrained(part)
            (part / STRENGTH_FILE).write_text(json.dumps(pair.alpha))

        decides = {**what_decides(recipe), "taught": taught(sets)}
        place = f"{self.seed}-{subject.number}-{digest_of_json(decides)[7:15]}"
        folder = cached(self.folder / "unlearned" / place, train)
        return OffsetModel(
            world.base,
            unlearned=load_model(folder, device=CPU),
            reference=world.reference,
            alpha=strength_of(folder, recipe=recipe),
        )

    def _law(self, name: str, subject: Person) -> NextTokenLaw:
        if name == BASE:
            return PlainLaw(self.world.base)
        if name == RETRAINED:
            return PlainLaw(self.world.retrained)
        return self.offset_law(recipe_of(name), subject)

    def _place(self, subject: Person, made_with: Mapping[str, JsonValue]) -> str:
        """Return a name for measurements: world, person, and what decides."""
        decides: dict[str, JsonValue] = {
            **made_with,
            "without": len(self.world.subjects),
            **drawn_from(self.world),
        }
        return f"{self.seed}-{subject.number}-{digest_of_json(decides)[7:15]}"


def drawn_from(world: SmallWorld) -> dict[str, JsonValue]:
    """Return what of a world decides whom the sets hold."""
    return {
        "sizes": asdict(world.opened.declared.sizes),
        "reserved": len(world.reserved),
    }


def taught(sets: Datasets) -> str:
    """Return a digest of what a pair is trained on, whoever is asked afterwards."""
    unasked = replace(sets.holdout, controls=(), comparison=Comparison())
    return digest_of(to_bytes(replace(sets, holdout=unasked, probes=())))


def contest(seed: int, *, cache: Path, progress: Progress) -> Contest:
    """Open a world for the comparison."""
    world = open_world(seed, subjects=SUBJECTS, cache=cache, progress=progress)
    asked = control_probes(
        world.reserved,
        data_map=world.opened.declared,
        questions=1,
        rng=random.Random(seed),
    )
    return Contest(
        seed=seed,
        world=world,
        guessed=guessed_facts(
            asked, law=PlainLaw(world.base), tokenizer=world.tokenizer
        ),
        folder=cache / "forgetting",
    )


def main() -> None:
    """Run the comparison and print table and JSON line."""
    parser = argparse.ArgumentParser(description="Compare the objectives.")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--subjects", type=int, default=12, help=f"per world, {SUBJECTS} at most"
    )
    parser.add_argument(
        "--others", type=int, default=1, help="subjects per world, other objectives"
    )
    parser.add_argument("--cache", type=Path, default=Path("var/bench"))
    options = parser.parse_args()
    others = [CALIBRATED, *FORGET_OBJECTIVES]
    others.remove(DEFAULT.objective)
    plan = dict.fromkeys((BASE, RETRAINED, DEFAULT.objective), options.subjects)
    plan |= dict.fromkeys(others, min(options.others, options.subjects))
    cells: dict[str, list[Cell]] = defaultdict(list)
    console = Console(stderr=True)
    with Progress(console=console) as progress:
        bar = progress.add_task("cells", total=options.seeds * sum(plan.values()))
        for seed in range(options.seeds):
            opened = contest(seed, cache=options.cache, progress=progress)
            for name, count in plan.items():
                for subject in opened.world.subjects[:count]:
                    cells[name].append(opened.cell(name, subject))
                    progress.advance(bar)
    rows = summaries(cells)
    worlds = worlds_of(cells)
    console.print(_table(rows, worlds))
    print(json.dumps(line_of(rows, worlds)))


def summaries(cells: Mapping[str, Sequence[Cell]]) -> dict[str, Summary]:
    """Return a row for each model and objective; all compare the same subjects."""
    retrained = {(cell.world, cell.subject): cell for cell in cells[RETRAINED]}
    return {
        name: summary(own, [retrained[cell.world, cell.subject] for cell in own])
        for name, own in cells.items()
    }


def worlds_of(cells: Mapping[str, Sequence[Cell]]) -> dict[int, Summary]:
    """Return the default recipe's row in each world on its own."""
    return {
        world: summaries(
            {
                name: [cell for cell in cells[name] if cell.world == world]
                for name in (RETRAINED, DEFAULT.objective)
            }
        )[DEFAULT.objective]
        for world in sorted({cell.world for cell in cells[DEFAULT.objective]})
    }


def line_of(
    rows: Mapping[str, Summary], worlds: Mapping[int, Summary]
) -> dict[str, object]:
    """Return the JSON line."""
    lines = {name: _for_machines(row) for name, row in rows.items()}
    return {
        "seeds": len(worlds),
        "default": {"name": DEFAULT.objective, **lines[DEFAULT.objective]},
        "retrained": lines[RETRAINED],
        "base": lines[BASE],
        "objectives": {
            name: line for name, line in lines.items() if name not in {BASE, RETRAINED}
        },
        "worlds": {str(world): _for_machines(row) for world, row in worlds.items()},
    }


def _for_machines(row: Summary) -> Summary:
    return {key: value for key, value in row.items() if key != ONLY_IN_THE_TABLE}


def _table(rows: Mapping[str, Summary], worlds: Mapping[int, Summary]) -> Table:
    table = Table("", *COLUMNS, title="Forgetting, compared with a retrained model")
    alone = {
        f"{DEFAULT.objective}, world {world}": row for world, row in worlds.items()
    }
    for name, row in {**rows, **alone}.items():
        table.add_row(name, *(_shown(row[column]) for column in COLUMNS))
    return table


def _shown(value: float | list[float]) -> str:
    if isinstance(value, list):
        return " to ".join(f"{end:.3f}" for end in value)
    return f"{value:.3f}"


if __name__ == "__main__":
    main()
