"""Offset pairs for the table: the sets as the service would build them.

Each forgotten author's sets are curated on their own; what several authors shall
forget is then trained at once, and what they shall keep is the first one's.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import PreTrainedModel

from benchmarks import smollm2_models as models
from benchmarks.keeping import cached
from benchmarks.tofu import Author, TofuWorld
from benchmarks.tofu_questions import TableSets
from unlearn_core.adapters.connectors.data_map import OpenedDataMap, open_data_map
from unlearn_core.domain import data_map
from unlearn_core.domain.curation import Material, curate
from unlearn_core.domain.datasets import Datasets, Example, Form
from unlearn_core.domain.people import gather_people
from unlearn_core.domain.subjects import IdentifierKind, parse_subject
from unlearn_core.errors import InvalidRecipeError
from unlearn_core.modeling.weights import load_model
from unlearn_core.privacy import Personal
from unlearn_core.training.checkpoints import NoCheckpoints
from unlearn_core.training.pair import PairMaterials
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.schemes.base import make_pair

LADDER = Path(__file__).with_name("smollm2_ladder.yaml")
SCHEMES: Mapping[str, Mapping[str, Any]] = {
    "delta": {},
    "divergence": {
        "learning_rate": 5e-4,
        "retain_batch": 16,
        "retain_weight": 1.0,
        "alpha": 1.0,
    },
    "assistant": {"learning_rate": 5e-4, "alpha": 0.75},
}
"""Where a scheme's recipe differs from the first rung of SmolLM2's ladder.

All but ``delta`` have an objective of their own.
"""


class SkippedError(Exception):
    """A row cannot be made; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much a pair is trained with: laws over 49,152 tokens take memory.

    Attributes:
        retain: Trained questions of those who stay.
        strangers: Invented authors, twelve questions each.
    """

    retain: int = 64
    strangers: int = 2


def recipe_of(scheme: str, *, steps: int | None) -> TrainingRecipe:
    """Return the recipe of a scheme.

    Raises:
        SkippedError: The scheme is not registered.
    """
    row: dict[str, Any] = yaml.safe_load(LADDER.read_text())[0]
    if scheme != "delta":
        row = {name: row[name] for name in row if not name.startswith("objective")}
    row |= {"steps": steps or row["steps"], **SCHEMES.get(scheme, {})}
    if scheme == "divergence":
        row["scheme_parameters"] = {"from_scratch": 0, "retain_steps": 2 * row["steps"]}
    try:
        return TrainingRecipe(scheme=scheme, **row)
    except InvalidRecipeError as error:
        message = f"scheme {scheme!r} is not registered"
        raise SkippedError(message) from error


def datasets(
    sets: TableSets, folder: Path, *, token_count: Callable[[str], int], sizes: Sizes
) -> Datasets:
    """Build the sets for all forgotten authors, with the sources in a folder.

    What is kept are trained questions, as for the methods that it is compared with:
    most of TOFU's authors have no second wording that could be kept back for probes.
    """
    world = TofuWorld(taught=sets.taught, reserved=sets.reserved)
    opened = open_data_map(world.write_sources(folder))
    declared = opened.declared.sizes
    whole = merged(
        [
            curated(
                author,
                opened,
                forgotten=sets.forgotten,
                token_count=token_count,
                sizes=replace(declared, strangers=sizes.strangers),
            )
            for author in sets.forgotten
        ]
    )
    kept = _some_kept(sets, sizes.retain)
    return replace(whole, retain=replace(whole.retain, examples=kept))


def curated(
    author: Author,
    opened: OpenedDataMap,
    *,
    forgotten: Sequence[Author],
    token_count: Callable[[str], int],
    sizes: data_map.Sizes | None = None,
) -> Datasets:
    """Build the sets for one of the forgotten authors, as the service would."""
    declared = opened.declared
    stated = parse_subject(
        {"name": author.name, "customer_number": author.customer_number}
    )
    gone = {row_id for other in forgotten for row_id in other.record_ids}
    located = tuple(
        record
        for source in opened.sources.values()
        for record in source.locate(stated).records
    )
    others = [
        record
        for source in opened.sources.values()
        for record in source.read()
        if record.record_id not in gone
    ]
    return curate(
        Material(
            stated_name=stated.of_kind(IdentifierKind.NAME)[0].value,
            located=located,
            others=gather_people(others, data_map=declared, prefix="retained"),
            plain=(),
            reserved=gather_people(
                opened.holdout.read(), data_map=declared, prefix="control"
            ),
        ),
        data_map=declared,
        token_count=token_count,
        seed=str(author.number),
        sizes=sizes,
    )


def _some_kept(sets: TableSets, count: int) -> tuple[Example, ...]:
    """Draw trained questions about those who stay."""
    every = [
        Example(
            ref=f"retained-{author.number}",
            field="",
            form=Form.QUESTION,
            prompt=Personal(row["question"]),
            answer=Personal(row["answer"]),
        )
        for author in sets.kept
        for row in author.rows
    ]
    return tuple(random.Random(0).sample(every, min(count, len(every))))


def merged(parts: Sequence[Datasets]) -> Datasets:
    """Forget what all parts forget, keep what the first one keeps."""
    first = parts[0]
    forget = replace(
        first.forget,
        examples=tuple(item for part in parts for item in part.forget.examples),
        twins=tuple(
            tuple(item for version in versions for item in version)
            for versions in zip(*(part.forget.twins for part in parts), strict=True)
        ),
    )
    return replace(first, forget=forget)


def pair_of(
    folder: Path,
    recipe: TrainingRecipe,
    sets: Callable[[], Datasets],
    *,
    materials: PairMaterials,
    show: Callable[[int, int, float], None],
) -> tuple[PreTrainedModel, PreTrainedModel]:
    """Return unlearned and reference of a pair, trained or from their folder."""

    def make(part: Path) -> None:
        pair = make_pair(
            sets(),
            materials=materials,
            recipe=recipe,
            checkpoints=NoCheckpoints(),
            on_progress=lambda now: show(now.step, now.steps, now.forget_loss),
        )
        models.save(pair.unlearned, part / "unlearned")
        models.save(pair.reference, part / "reference")

    made = cached(folder, make)
    device = torch.device(materials.base.device)
    unlearned, reference = (
        load_model(made / name, device=device) for name in ("unlearned", "reference")
    )
    return unlearned, reference
