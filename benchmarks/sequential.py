"""Sixteen requests one after another: ``make bench-sequential``.

After each request its forget text is destroyed, as in the service: a later training
cannot look at it, and the records of earlier subjects are in no retain set. What does
that do to earlier erasures? Several ways to make the next version are compared
(`benchmarks.sequential_schemes`). After the last request:

- worst_gap_to_control: the held-out questions about a subject are answered truly
  that much more often than those about never-trained people; the worst subject.
- control, mean_forget: the shares of true answers themselves, means over people.
- resurfaced: how many of the subjects' facts are stated that were not right after
  their own request.
- drift, worst_drift: how much likelier their answers became since then, in nats per
  token; the mean over subjects, and the subject with the most.
- retain: what retained people's answers are worth, the base's being 1.
- retrained: the same of a model that was never trained on any of the subjects, which
  is what guessing gives.
- artifact_bytes: size of the first and of the last pair. Serving costs what one pair
  costs, whatever the number of requests.

State is kept after every request, so an interrupted run continues. It ends with one
JSON line.
"""

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from transformers import PreTrainedModel

from benchmarks.forgetting import drawn_from
from benchmarks.forgetting_cells import likelihoods
from benchmarks.sequential_schemes import (
    CONSOLIDATED,
    SCHEMES,
    Request,
    in_one_batch,
    repaired,
)
from benchmarks.small_worlds import CPU, SmallWorld, open_world
from unlearn_core.domain.canonical import digest_of_json
from unlearn_core.domain.datasets import Group, Probe
from unlearn_core.domain.probing import control_probes
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.tokens import encode_example
from unlearn_core.modeling.weights import pack_pair, unpack_pair
from unlearn_core.training.consolidation import (
    Importance,
    pack_importance,
    unpack_importance,
)
from unlearn_core.training.pair import PairMaterials
from unlearn_core.training.recipe import TrainingRecipe, default_ladder
from unlearn_core.verification.evidence import greedy_answers, guessed_facts
from unlearn_core.verification.judge import states

SUBJECTS = 16
BATCH = "batch"
RESULTS_FILE = "results.json"


@dataclass(slots=True)
class Trail:
    """What one scheme has left behind so far; numbers only.

    Attributes:
        artifact_bytes: Size of every version's pair.
        hits: For every subject, which held-out questions were answered truly right
            after the own request.
        likelihoods: Their mean log-probability at that time, in nats per token.
        finish: What `at_the_end` found, once there is nothing left to do.
    """

    artifact_bytes: list[int] = field(default_factory=list)
    hits: list[list[bool]] = field(default_factory=list)
    likelihoods: list[float] = field(default_factory=list)
    finish: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exam:
    """What is asked in the end, fixed before the first request.

    Attributes:
        subjects: Held-out questions about each subject.
        controls: Questions about never-trained people.
        retained: Questions about people who stay.
    """

    subjects: tuple[tuple[Probe, ...], ...]
    controls: tuple[Probe, ...]
    retained: tuple[Probe, ...]


def at_the_end(
    law: NextTokenLaw, trail: Trail, exam: Exam, world: SmallWorld
) -> dict[str, float]:
    """Compare all subjects with controls, and with themselves as first released."""
    after = [fmean(likelihoods(law, probes, world)) for probes in exam.subjects]
    drifts = [
        late - early for late, early in zip(after, trail.likelihoods, strict=True)
    ]
    return {
        **standing(law, exam, world),
        "resurfaced": resurfaced(law, trail, exam, world),
        "drift": fmean(drifts),
        "worst_drift": max(drifts),
    }


def standing(law: NextTokenLaw, exam: Exam, world: SmallWorld) -> dict[str, float]:
    """Compare all subjects with controls, and people who stay with the base."""
    shares = [fmean(hits(law, probes, world)) for probes in exam.subjects]
    control = fmean(hits(law, exam.controls, world))
    known = hits(PlainLaw(world.base), exam.retained, world)
    return {
        "worst_gap_to_control": max(shares) - control,
        "control": control,
        "mean_forget": fmean(shares),
        "retain": sum(hits(law, exam.retained, world)) / sum(known),
    }


def resurfaced(law: NextTokenLaw, trail: Trail, exam: Exam, world: SmallWorld) -> float:
    """Return how many facts are stated that were not after the own request."""
    count = 0
    for early, probes in zip(trail.hits, exam.subjects, strict=True):
        stated: dict[str, list[bool]] = defaultdict(lambda: [False, False])
        for probe, was, is_now in zip(
            probes, early, hits(law, probes, world), strict=True
        ):
            stated[probe.example.field][0] |= was
            stated[probe.example.field][1] |= is_now
        count += sum(is_now and not was for was, is_now in stated.values())
    return float(count)


def hits(law: NextTokenLaw, probes: Sequence[Probe], world: SmallWorld) -> list[bool]:
    """Tell for every question whether the greedy answer states the fact."""
    encoded = [encode_example(world.tokenizer, probe.example) for probe in probes]
    answers = greedy_answers(law, encoded, tokenizer=world.tokenizer)
    return [
        states(answer, probe.example.answer)
        for probe, answer in zip(probes, answers, strict=True)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What a later request builds on.

    Attributes:
        unlearned: The unlearned model in service.
        importance: How much its weights matter for earlier erasures, if that is kept.
    """

    unlearned: PreTrainedModel
    importance: Importance | None = None


class Course:
    """One scheme going through all requests; continues where it was interrupted."""

    def __init__(
        self,
        name: str,
        *,
        world: SmallWorld,
        exam: Exam,
        recipe: TrainingRecipe,
        folder: Path,
    ) -> None:
        self._name = name
        self._world = world
        self._exam = exam
        self._recipe = recipe
        self._folder = folder / name
        self._folder.mkdir(parents=True, exist_ok=True)
        self._guessed = _guessed(world)

    def run(self, progress: Progress) -> Trail:
        """Work on what is left and return what was found."""
        trail, version = self._resume()
        people = self._world.subjects
        bar = progress.add_task(
            self._name, total=len(people), completed=len(trail.artifact_bytes)
        )
        while len(trail.artifact_bytes) < len(people):
            number = len(trail.artifact_bytes)
            if self._name == BATCH:
                requests = [self._request(place, None) for place in range(len(people))]
                version = Version(unlearned=repaired(in_one_batch(requests)))
                new = range(len(people))
            else:
                version = self._next(self._request(number, version))
                new = range(number, number + 1)
            self._note(trail, version, new)
            progress.update(bar, completed=len(trail.artifact_bytes))
        if not trail.finish and version is not None:
            law = self._law(version.unlearned)
            trail.finish = at_the_end(law, trail, self._exam, self._world)
            self._keep(trail)
        return trail

    def _next(self, request: Request) -> Version:
        unlearned = SCHEMES[self._name](request)
        if self._name != CONSOLIDATED:
            return Version(unlearned=unlearned)
        return Version(unlearned=unlearned, importance=request.importance_of(unlearned))

    def _request(self, number: int, version: Version | None) -> Request:
        """Build the sets of a request; the records of earlier subjects are gone."""
        people = self._world.subjects
        return Request(
            sets=self._world.datasets(
                people[number], guessed=self._guessed, erased=people[:number]
            ),
            materials=PairMaterials(
                base=self._world.base,
                tokenizer=self._world.tokenizer,
                reference=self._world.reference,
                previous=version.unlearned if version else None,
                previous_alpha=self._recipe.alpha,
                importance=version.importance if version else None,
            ),
            recipe=self._recipe,
        )

    def _note(self, trail: Trail, version: Version, new: Sequence[int]) -> None:
        """Examine the newly erased and keep the state."""
        law = self._law(version.unlearned)
        pair = pack_pair(unlearned=version.unlearned, reference=self._world.reference)
        for number in new:
            probes = self._exam.subjects[number]
            trail.hits.append(hits(law, probes, self._world))
            trail.likelihoods.append(fmean(likelihoods(law, probes, self._world)))
            trail.artifact_bytes.append(len(pair))
        number = len(trail.artifact_bytes)
        self._pair_file(number).write_bytes(pair)
        if version.importance is not None:
            kept = pack_importance(version.importance)
            self._importance_file(number).write_bytes(kept)
        # Last: it says which files count.
        self._keep(trail)
        for file in (self._pair_file, self._importance_file):
            file(number - 1).unlink(missing_ok=True)

    def _pair_file(self, number: int) -> Path:
        return self._folder / f"pair-{number}.safetensors"

    def _importance_file(self, number: int) -> Path:
        return self._folder / f"importance-{number}.safetensors"

    def _keep(self, trail: Trail) -> None:
        (self._folder / RESULTS_FILE).write_text(json.dumps(asdict(trail)))

    def _resume(self) -> tuple[Trail, Version | None]:
        results = self._folder / RESULTS_FILE
        if not results.is_file():
            return Trail(), None
        trail = Trail(**json.loads(results.read_text()))
        number = len(trail.artifact_bytes)
        unlearned, _ = unpack_pair(self._pair_file(number).read_bytes(), device=CPU)
        file = self._importance_file(number)
        return trail, Version(
            unlearned=unlearned,
            importance=unpack_importance(file.read_bytes(), model=unlearned)
            if file.is_file()
            else None,
        )

    def _law(self, unlearned: PreTrainedModel) -> NextTokenLaw:
        return OffsetModel(
            self._world.base,
            unlearned=unlearned,
            reference=self._world.reference,
            alpha=self._recipe.alpha,
        )


def exam_of(world: SmallWorld) -> Exam:
    """Write down all questions before anything is trained."""
    sets = [world.curated(person, erased=world.subjects) for person in world.subjects]
    return Exam(
        subjects=tuple(_of_group(item.probes, Group.SUBJECT) for item in sets),
        controls=_of_group(sets[0].probes, Group.CONTROL),
        retained=_of_group(sets[0].probes, Group.RETAINED, Group.NEIGHBOUR),
    )


def _of_group(probes: Sequence[Probe], *groups: Group) -> tuple[Probe, ...]:
    return tuple(probe for probe in probes if probe.group in groups)


def _guessed(world: SmallWorld) -> frozenset[tuple[str, str]]:
    """Return what the base guesses about reserved people, as the service would."""
    asked = control_probes(
        world.reserved,
        data_map=world.opened.declared,
        questions=1,
        rng=random.Random(0),
    )
    return guessed_facts(asked, law=PlainLaw(world.base), tokenizer=world.tokenizer)


def main() -> None:
    """Run all schemes and print table and JSON line."""
    parser = argparse.ArgumentParser(description="Sixteen requests, one by one.")
    parser.add_argument("--requests", type=int, default=SUBJECTS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--schemes", nargs="*", default=[*SCHEMES, BATCH])
    parser.add_argument("--steps", type=int, default=default_ladder()[0].steps)
    parser.add_argument("--cache", type=Path, default=Path("var/bench"))
    options = parser.parse_args()
    recipe = replace(default_ladder()[0], steps=options.steps)
    console = Console(stderr=True)
    with Progress(console=console) as progress:
        world = open_world(
            options.seed, subjects=SUBJECTS, cache=options.cache, progress=progress
        )
        world = replace(world, subjects=world.subjects[: options.requests])
        key = digest_of_json(
            {
                "seed": options.seed,
                "requests": options.requests,
                "recipe": recipe.digest,
                **drawn_from(world),
            }
        )[7:23]
        exam = exam_of(world)
        trails = {
            name: Course(
                name,
                world=world,
                exam=exam,
                recipe=recipe,
                folder=options.cache / f"sequential-{key}",
            ).run(progress)
            for name in options.schemes
        }
        never = standing(PlainLaw(world.retrained), exam, world)
    console.print(_table(trails))
    print(json.dumps(line_of(trails, requests=options.requests, retrained=never)))


def line_of(
    trails: Mapping[str, Trail], *, requests: int, retrained: Mapping[str, float]
) -> dict[str, object]:
    """Return the JSON line; the product's scheme speaks for the whole."""
    product = trails[next(iter(trails))]
    return {
        "requests": requests,
        "worst_gap_to_control": product.finish["worst_gap_to_control"],
        "retain": product.finish["retain"],
        "artifact_bytes": [product.artifact_bytes[0], product.artifact_bytes[-1]],
        "schemes": {name: trail.finish for name, trail in trails.items()},
        "retrained": retrained,
    }


def _table(trails: Mapping[str, Trail]) -> Table:
    columns = [*next(iter(trails.values())).finish]
    table = Table("", *columns, title="After the last request")
    for name, trail in trails.items():
        table.add_row(name, *(f"{trail.finish[column]:.3f}" for column in columns))
    return table


if __name__ == "__main__":
    main()
