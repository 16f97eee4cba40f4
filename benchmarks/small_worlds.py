"""Small worlds with a retrained model: what every comparison is measured against.

A world has the same base and reference as the demo's, and one more model of the
base's shape that was trained on the same documents without the subjects. Models are
cached under a digest of their recipe.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from rich.progress import Progress, TaskID
from transformers import PreTrainedModel

from unlearn_core.adapters.connectors.data_map import OpenedDataMap, open_data_map
from unlearn_core.domain.curation import Material, curate
from unlearn_core.domain.datasets import Datasets, PersonFacts
from unlearn_core.domain.people import gather_people, plain_passages
from unlearn_core.domain.sources import SourceRecord
from unlearn_core.domain.subjects import parse_subject
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.tokens import TransformersTokenizer
from unlearn_core.modeling.weights import (
    WEIGHTS_FILE,
    load_language_model,
    load_model,
    load_tokenizer,
)
from unlearn_core.privacy import Personal
from unlearn_core.smallworld.base_model import (
    WorldRecipe,
    encode_documents,
    train_model,
    train_world_models,
)
from unlearn_core.smallworld.corpus import Document, read_documents
from unlearn_core.smallworld.people import Person, populate
from unlearn_core.smallworld.sources import write_sources
from unlearn_core.training.twins import likelihoods_under, ordinary_twins_first

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallWorld:
    """One world with its models.

    Attributes:
        subjects: The people to forget, one request each.
        opened: The data map with its connectors.
        records: Every record of every source.
        reserved: The people who were never trained on.
        tokenizer: The tokenizer of all models.
        base: Trained on everybody.
        reference: The small model.
        retrained: Shaped like the base, never trained on the subjects.
    """

    subjects: tuple[Person, ...]
    opened: OpenedDataMap
    records: tuple[SourceRecord, ...]
    reserved: tuple[PersonFacts, ...]
    tokenizer: TransformersTokenizer
    base: PreTrainedModel
    reference: PreTrainedModel
    retrained: PreTrainedModel

    def datasets(
        self,
        subject: Person,
        *,
        guessed: frozenset[tuple[str, str]],
        erased: Sequence[Person] = (),
    ) -> Datasets:
        """Build the sets for a subject as the service would.

        Args:
            subject: Whom the request concerns.
            guessed: What the base guesses about reserved people.
            erased: People whose records an earlier request removed.
        """
        return ordinary_twins_first(
            self.curated(subject, guessed=guessed, erased=erased),
            likelihoods_under(PlainLaw(self.base), self.tokenizer),
        )

    def curated(
        self,
        subject: Person,
        *,
        guessed: frozenset[tuple[str, str]] = frozenset(),
        erased: Sequence[Person] = (),
    ) -> Datasets:
        """Build the sets without asking a model which twin is ordinary.

        Whoever only asks their probes needs no more.
        """
        located = self._located(subject)
        gone = frozenset[tuple[str, str]]().union(
            *(self.records_of(person) for person in (subject, *erased))
        )
        remaining = [
            record
            for record in self.records
            if (record.source, record.record_id) not in gone
        ]
        return curate(
            Material(
                stated_name=Personal(subject.name),
                located=located,
                others=gather_people(
                    remaining, data_map=self.opened.declared, prefix="retained"
                ),
                plain=plain_passages(remaining),
                reserved=self.reserved,
                guessed=guessed,
            ),
            data_map=self.opened.declared,
            token_count=lambda text: len(self.tokenizer.text(text)),
            seed=str(subject.number),
        )

    def records_of(self, subject: Person) -> frozenset[tuple[str, str]]:
        """Return source and identifier of every record that the search finds."""
        return frozenset(
            (record.source, record.record_id) for record in self._located(subject)
        )

    def _located(self, subject: Person) -> tuple[SourceRecord, ...]:
        """Search every source as the service would."""
        stated = parse_subject(
            {
                "name": subject.name,
                "email": subject.facts["email"],
                "customer_number": subject.facts["customer_number"],
            }
        )
        return tuple(
            record
            for source in self.opened.sources.values()
            for record in source.locate(stated).records
        )


def open_world(
    seed: int, *, subjects: int, cache: Path, progress: Progress
) -> SmallWorld:
    """Make a world, or find its models in the cache."""
    recipe = _recipe(seed)
    population = populate(
        seed=seed, trained=recipe.trained_people, controls=recipe.control_people
    )
    folder = cache / f"{recipe.key}-without-{subjects}"
    paths = write_sources(population, folder / "sources", seed=seed)
    chosen = population.trained[:subjects]
    _train_missing(recipe, folder, read_documents(paths), chosen, progress)
    opened = open_data_map(paths.data_map)
    loaded = load_language_model(folder / "base", device=CPU)
    return SmallWorld(
        subjects=chosen,
        opened=opened,
        records=tuple(
            record for source in opened.sources.values() for record in source.read()
        ),
        reserved=gather_people(
            opened.holdout.read(), data_map=opened.declared, prefix="control"
        ),
        tokenizer=loaded.tokenizer,
        base=loaded.model,
        reference=load_model(folder / "reference", device=CPU),
        retrained=load_model(folder / "retrained", device=CPU),
    )


def _recipe(seed: int) -> WorldRecipe:
    default = WorldRecipe()
    return replace(
        default,
        world_seed=seed,
        base=replace(default.base, seed=default.base.seed + seed),
        reference=replace(default.reference, seed=default.reference.seed + seed),
    )


def _train_missing(
    recipe: WorldRecipe,
    folder: Path,
    documents: Sequence[Document],
    subjects: Sequence[Person],
    progress: Progress,
) -> None:
    """Train what an earlier, perhaps interrupted, run has not left behind."""
    bars: dict[str, TaskID] = {}

    def show(name: str, step: int, steps: int, _loss: float) -> None:
        if name not in bars:
            bars[name] = progress.add_task(f"world {recipe.world_seed}: {name}")
        progress.update(bars[name], completed=step, total=steps)

    if not (folder / "base" / WEIGHTS_FILE).is_file():
        train_world_models(documents, folder, recipe=recipe, on_progress=show)
    if not (folder / "retrained" / WEIGHTS_FILE).is_file():
        tokenizer = load_tokenizer(folder / "base")
        retrained = train_model(
            encode_documents(tokenizer, _without(documents, subjects)),
            recipe=recipe.base,
            vocabulary=recipe.vocabulary,
            context=recipe.context,
            on_progress=lambda *step: show("retrained", *step),
        )
        retrained.save_pretrained(folder / "retrained")


def _without(
    documents: Sequence[Document], subjects: Sequence[Person]
) -> list[Document]:
    names = [subject.name for subject in subjects]
    return [
        document
        for document in documents
        if not any(
            name in text
            for name in names
            for text in (document.question or "", document.text)
        )
    ]
