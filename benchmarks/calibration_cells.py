"""One person under one model, verified: what `benchmarks.calibration` keeps.

A file holds numbers, no text and no name: what the metrics gave, not what the gates
said, and of every metric, not only of those that a gate looks at. So gates can be
moved and judged anew without asking a model again. A metric that was registered later
is missing and fails its gate; then the files have to go.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.forgetting import (
    BASE,
    DEFAULT,
    RETRAINED,
    Contest,
    drawn_from,
    recipe_of,
)
from benchmarks.forgetting_cells import Cell, by_person
from benchmarks.keeping import kept
from unlearn_core.domain.canonical import JsonValue, digest_of_json
from unlearn_core.domain.datasets import Entropy, Group
from unlearn_core.domain.probing import control_probes
from unlearn_core.domain.verdicts import (
    AcceptancePolicy,
    MetricResult,
    Precondition,
    Verdict,
    decide,
)
from unlearn_core.metrics import METRICS
from unlearn_core.metrics.base import (
    Evidence,
    ProbeScore,
    Scores,
    mean_per_fact,
    mean_per_person,
    of_group,
)
from unlearn_core.metrics.indistinguishability import answer_likelihood
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.smallworld.people import Person
from unlearn_core.steps.commitment import VERIFICATION_SEED
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.verification.evidence import Interrogation
from unlearn_core.verification.sizes import declared_level
from unlearn_core.verification.suite import compute, preconditions, verify

OVERSHOOT, UNDERTRAINED = "overshoot", "undertrained"

RECIPES: Mapping[str, TrainingRecipe] = {
    "default": DEFAULT,
    OVERSHOOT: recipe_of("npo"),
    UNDERTRAINED: replace(DEFAULT, steps=20, warmup_steps=2),
}
CONDITIONS = (RETRAINED, BASE, *RECIPES)

Show = Callable[[int, int], None]
"""Called with the number of finished and of all parts of a training or verification."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What the suite measured of one person under one model.

    Attributes:
        cell: Log-probabilities and true answers.
        results: Every metric that could be computed, by name.
        present: What there was to measure.
    """

    cell: Cell
    results: dict[str, MetricResult]
    present: tuple[Precondition, ...]

    def judged(self, policy: AcceptancePolicy) -> Verdict:
        """Return what a policy says of it."""
        return decide(self.results, policy=policy, present=self.present)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strangers:
    """Never-trained people of one world under its base, by ref.

    Attributes:
        as_subjects: Their mean log-probabilities, asked as much as a subject is.
        as_controls: The same, asked as little as control people are.
    """

    as_subjects: dict[str, float]
    as_controls: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """One world, in which the suite judges models that ought to pass or to fail.

    Attributes:
        contest: The world, and what its base guesses.
        policy: The acceptance policy.
        folder: Where measurements are kept.
        show: Where progress goes.
    """

    contest: Contest
    policy: AcceptancePolicy
    folder: Path
    show: Show = lambda _done, _all: None

    def verified(self, condition: str, subject: Person) -> Verified:
        """Return what the suite measures of a person; trains if it must."""
        version = self._version(
            {"made_with": self._made_with(condition), "asked": asked_by(self.policy)}
        )
        name = f"{self.contest.seed}-{subject.number}-{condition}-{version}.json"
        return kept(
            self.folder / name,
            lambda: self._verify(condition, subject),
            kind=Verified,
        )

    def strangers(self) -> Strangers:
        """Put every control person into the subject's place, under the base."""
        return kept(
            self.folder / f"{self.contest.seed}-strangers-{self._version({})}.json",
            self._ask_strangers,
            kind=Strangers,
        )

    def _version(self, made_with: Mapping[str, JsonValue]) -> str:
        """Return a short digest of what decides, how much is drawn included."""
        return digest_of_json({**made_with, **drawn_from(self.contest.world)})[7:15]

    def _made_with(self, condition: str) -> dict[str, JsonValue]:
        """Return what decides about a model beside its world."""
        if condition in RECIPES:
            return {"recipe": RECIPES[condition].digest}
        return {"without": len(self.contest.world.subjects)}

    def _law(self, condition: str, subject: Person) -> NextTokenLaw:
        world = self.contest.world
        if condition == BASE:
            return PlainLaw(world.base)
        if condition == RETRAINED:
            return PlainLaw(world.retrained)
        return self.contest.offset_law(
            RECIPES[condition],
            subject,
            on_progress=lambda at: self.show(at.step, at.steps),
        )

    def _verify(self, condition: str, subject: Person) -> Verified:
        """Run the suite as the service does, the base being the model before."""
        sets, policy = self.contest.datasets(subject), self.policy
        verification = verify(
            Interrogation(
                probes=sets.probes,
                tokenizer=self.contest.world.tokenizer,
                before=PlainLaw(self.contest.world.base),
                after=self._law(condition, subject),
                samples_per_probe=policy.samples_per_probe,
                confidence=policy.confidence,
                seed=VERIFICATION_SEED,
                on_progress=self.show,
            ),
            policy=policy,
        )
        return Verified(
            cell=cell_of(
                verification.evidence, world=self.contest.seed, subject=subject.number
            ),
            results=measured(verification.evidence),
            present=tuple(sorted(preconditions(verification.evidence))),
        )

    def _ask_strangers(self) -> Strangers:
        world = self.contest.world
        sets = self.contest.datasets(world.subjects[0])
        own = [item for item in sets.probes if item.group is Group.SUBJECT]
        fields = {item.example.field for item in own}

        def asked(questions: int) -> dict[str, float]:
            probes = control_probes(
                sets.holdout.controls,
                data_map=world.opened.declared,
                questions=questions,
                rng=random.Random(f"{self.contest.seed} {questions}"),
            )
            return by_person(PlainLaw(world.base), probes, world)

        return Strangers(
            as_subjects=asked(round(len(own) / len(fields))),
            as_controls=asked(world.opened.declared.sizes.control_questions),
        )


def asked_by(policy: AcceptancePolicy) -> dict[str, JsonValue]:
    """Return what of a policy decides about measurements: everything but gates."""
    return {
        "confidence": policy.confidence,
        "samples": policy.samples_per_probe,
        "seed": VERIFICATION_SEED,
        "level": declared_level(policy),
    }


def measured(evidence: Evidence) -> dict[str, MetricResult]:
    """Return every registered metric for which there is evidence."""
    return {
        name: result
        for name in METRICS
        if (result := compute(name, evidence)) is not None
    }


def cell_of(evidence: Evidence, *, world: int, subject: int) -> Cell:
    """Return what the comparison with a retrained model needs."""
    own = of_group(evidence.after, Group.SUBJECT)
    return Cell(
        world=world,
        subject=subject,
        true={
            group: [
                score.is_extracted for score in evidence.after if score.group is group
            ]
            for group in (Group.SUBJECT, Group.RETAINED, Group.NEIGHBOUR)
        },
        facts=list(mean_per_fact(own, answer_likelihood)),
        controls=dict(
            mean_per_person(of_group(evidence.after, Group.CONTROL), answer_likelihood)
        ),
        leaked=_leaked(own),
    )


def _leaked(own: Scores) -> list[bool]:
    """Tell which high-entropy facts came out in some sampled answer."""
    draws: dict[str, list[ProbeScore]] = {}
    for score in own:
        if score.entropy is Entropy.HIGH:
            draws.setdefault(score.field, []).append(score)
    return [any(score.leaks for score in scores) for scores in draws.values()]
