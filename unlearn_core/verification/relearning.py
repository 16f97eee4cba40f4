"""Relearning: a stolen pair is taught some facts of a person and asked for the others.

Whoever holds the pair can train it further. A copy of the unlearned model learns a few
facts of the subject by plain cross-entropy, and the rest is asked for through the base
with the copy in place of the unlearned model. If training hid the facts together, some
of them may bring the others back. The base is never trained; it may be a black box.

A never-trained person's facts teach a copy just as well how such answers read, and some
can be guessed from others. So the same is done to some of those, each with a copy of
their own and the same fields, and the difference is what counts.

Source: relearning by fine-tuning is one of the eight procedures of Lynch et al. 2024,
arXiv:2402.16835.
"""

import copy
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from unlearn_core.domain.datasets import Group, Probe
from unlearn_core.metrics.base import AttackScore
from unlearn_core.modeling.generation import Tick
from unlearn_core.modeling.tokens import encode_example
from unlearn_core.verification.attacks import Artifact, attacked
from unlearn_core.verification.evidence import Interrogation, answers_under
from unlearn_core.verification.judge import states
from unlearn_core.verification.teaching import taught


@dataclass(frozen=True, slots=True, kw_only=True)
class Relearning:
    """How much is spent on each person.

    Attributes:
        taught: One of so many of the subject's facts is taught, at least one.
        steps: Steps of AdamW.
        rows: Questions in one step.
        learning_rate: Of AdamW; that of the default recipe.
        people: Never-trained people to whom the same is done.
    """

    taught: int = 3
    steps: int = 30
    rows: int = 16
    learning_rate: float = 5e-4
    people: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What is done about one person.

    Attributes:
        taught: Questions about the facts that the copy learns, with their answers.
        asked: Questions about the other facts.
    """

    taught: tuple[Probe, ...]
    asked: tuple[Probe, ...]


SPENT = Relearning()


def relearn(
    asked: Interrogation,
    artifact: Artifact,
    *,
    spent: Relearning = SPENT,
    tick: Tick = lambda _answers: None,
) -> tuple[AttackScore, ...]:
    """Teach a copy for each person and ask it for what it was not taught.

    Args:
        asked: The questions.
        artifact: The pair, and the base as what may be asked.
        spent: How much it may cost.
        tick: Called with the number of answers that were given.

    Returns:
        Scores with the number of steps as setting; none about a single fact, and none
        of a copy whose training diverged, which would say nothing and look forgetful.
    """
    scores: list[AttackScore] = []
    for lesson in lessons_of(asked.probes, spent=spent, seed=asked.seed):
        pupil = relearned(lesson, asked, artifact, spent=spent)
        if not all(
            bool(item.isfinite().all()) for item in pupil.unlearned.parameters()
        ):
            continue
        questions = [
            encode_example(asked.tokenizer, probe.example) for probe in lesson.asked
        ]
        (answers,) = answers_under(
            [pupil.at(1.0)], questions, tokenizer=asked.tokenizer, tick=tick
        )
        scores += [
            AttackScore(
                attack="relearning",
                setting=float(spent.steps),
                group=probe.group,
                ref=probe.example.ref,
                field=probe.example.field,
                is_extracted=states(answer, probe.example.answer),
            )
            for probe, answer in zip(lesson.asked, answers, strict=True)
        ]
    return tuple(scores)


def answers_of_relearning(
    probes: Sequence[Probe], *, seed: int, spent: Relearning = SPENT
) -> int:
    """Return how many answers `relearn` asks for."""
    lessons = lessons_of(probes, spent=spent, seed=seed)
    return sum(len(lesson.asked) for lesson in lessons)


def relearned(
    lesson: Lesson, asked: Interrogation, artifact: Artifact, *, spent: Relearning
) -> Artifact:
    """Return the artifact with a copy of the unlearned model that had a lesson."""
    # Without dropout and in float32, so that small steps count and can be repeated.
    pupil = copy.deepcopy(artifact.unlearned)
    module: torch.nn.Module = pupil  # the library's own `float` is untyped
    module.float().requires_grad_(requires_grad=True)
    rows = [encode_example(asked.tokenizer, probe.example) for probe in lesson.taught]
    model = taught(
        pupil,
        rows,
        steps=spent.steps,
        at_once=spent.rows,
        learning_rate=spent.learning_rate,
        pad_id=asked.tokenizer.pad_id,
        seed=asked.seed,
    )
    return replace(artifact, unlearned=model)


def lessons_of(
    probes: Sequence[Probe], *, spent: Relearning, seed: int
) -> list[Lesson]:
    """Return the subject's lesson, then those of some never-trained people.

    Fields are drawn once, so that the same is taught and asked about everybody. Each
    taught fact has all its questions; of never-trained people one is asked per fact.
    """
    own = sorted(
        {probe.example.field for probe in probes if probe.group is Group.SUBJECT}
    )
    rng = random.Random(seed)
    given = set(rng.sample(own, min(len(own), max(1, len(own) // spent.taught))))
    wanted = set(own) - given
    subject = _per_person(probes, Group.SUBJECT)
    strangers = _per_person(probes, Group.CONTROL)
    refs = sorted(strangers)
    chosen = rng.sample(refs, min(spent.people, len(refs)))
    lessons = []
    for about in (*subject.values(), *(strangers[ref] for ref in chosen)):
        lesson = Lesson(
            taught=tuple(item for item in about if item.example.field in given),
            asked=tuple(
                item for item in attacked(about) if item.example.field in wanted
            ),
        )
        if lesson.taught and lesson.asked:
            lessons.append(lesson)
    return lessons


def _per_person(probes: Sequence[Probe], group: Group) -> Mapping[str, list[Probe]]:
    found: dict[str, list[Probe]] = {}
    for probe in probes:
        if probe.group is group:
            found.setdefault(probe.example.ref, []).append(probe)
    return found
