"""One subject under one model: what `benchmarks.forgetting` measures and keeps.

A cell holds numbers only, no text and no name, so it may stay on disk.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import torch

from benchmarks.small_worlds import SmallWorld
from unlearn_core.domain.datasets import Datasets, Entropy, Group, Probe
from unlearn_core.modeling.generation import Sampling, generate
from unlearn_core.modeling.laws import NextTokenLaw
from unlearn_core.modeling.tokens import encode_example
from unlearn_core.training.targets import answer_laws
from unlearn_core.verification.judge import states

DRAWS = 100
ANSWER_TOKENS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What was measured of one subject under one model.

    Attributes:
        world: Seed of the world.
        subject: Number of the subject in it.
        true: For each group of people, which held-out questions were answered truly.
        facts: Mean log-probability of every fact of the subject, in nats per token.
        controls: The same of every control person, a mean over facts.
        leaked: Which high-entropy facts came out in `DRAWS` samples.
    """

    world: int
    subject: int
    true: dict[str, list[bool]]
    facts: list[float]
    controls: dict[str, float]
    leaked: list[bool]

    @property
    def statistic(self) -> float:
        """Return the subject's own number among those of the controls."""
        return fmean(self.facts)


def measure(
    law: NextTokenLaw,
    datasets: Datasets,
    world: SmallWorld,
    *,
    seed: int,
    subject: int,
) -> Cell:
    """Ask a model everything about one subject and those beside."""
    asked = [item for item in datasets.probes if item.group is not Group.CONTROL]
    true: dict[str, list[bool]] = defaultdict(list)
    for probe, (answer,) in zip(
        asked, answers(law, asked, world, samples=1, seed=seed), strict=True
    ):
        true[probe.group].append(states(answer, probe.example.answer))
    own = [item for item in asked if item.group is Group.SUBJECT]
    controls = [item for item in datasets.probes if item.group is Group.CONTROL]
    return Cell(
        world=seed,
        subject=subject,
        true=dict(true),
        facts=[fmean(values) for values in _by_fact(law, own, world).values()],
        controls=by_person(law, controls, world),
        leaked=_leaked(law, own, world, seed=seed),
    )


def answers(
    law: NextTokenLaw,
    probes: Sequence[Probe],
    world: SmallWorld,
    *,
    samples: int,
    seed: int,
) -> list[list[str]]:
    """Return answers to every question: the greedy one, or some at temperature 1."""
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


def likelihoods(
    law: NextTokenLaw, probes: Sequence[Probe], world: SmallWorld
) -> list[float]:
    """Return the mean log-probability of every true answer's tokens, in nats."""
    encoded = [encode_example(world.tokenizer, probe.example) for probe in probes]
    laws_NV = answer_laws(law, encoded, pad_id=world.tokenizer.pad_id)
    labels_N = torch.tensor([token for item in encoded for token in item.answer])
    own_N = laws_NV.gather(-1, labels_N[:, None])[:, 0]
    counts = [len(item.answer) for item in encoded]
    return [float(part.mean()) for part in torch.split(own_N, counts)]


def _by_fact(
    law: NextTokenLaw, probes: Sequence[Probe], world: SmallWorld
) -> dict[tuple[str, str], list[float]]:
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for probe, value in zip(probes, likelihoods(law, probes, world), strict=True):
        found[probe.example.ref, probe.example.field].append(value)
    return found


def by_person(
    law: NextTokenLaw, probes: Sequence[Probe], world: SmallWorld
) -> dict[str, float]:
    """Return every person's mean log-probability, facts weighing the same."""
    found: dict[str, list[float]] = defaultdict(list)
    for (person, _), values in _by_fact(law, probes, world).items():
        found[person].append(fmean(values))
    return {person: fmean(values) for person, values in found.items()}


def _leaked(
    law: NextTokenLaw, own: Sequence[Probe], world: SmallWorld, *, seed: int
) -> list[bool]:
    """Tell which high-entropy facts come out, the draws shared by their questions."""
    questions: dict[str, list[Probe]] = defaultdict(list)
    for probe in own:
        if probe.entropy is Entropy.HIGH:
            questions[probe.example.field].append(probe)
    return [
        any(
            states(text, probe.example.answer)
            for probe, texts in zip(
                asked,
                answers(law, asked, world, samples=DRAWS // len(asked), seed=seed),
                strict=True,
            )
            for text in texts
        )
        for asked in questions.values()
    ]
