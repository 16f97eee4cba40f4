"""Searches for words that bring a fact back, with a budget of forward passes.

The searcher knows the true answer and makes it as likely as possible, which is more
than any intruder can do. Such a search gets many a model to say many a thing, so it
says nothing by itself: never-trained people are searched with the same budget for the
facts they have, and what counts is how much more comes out about the subject.

Two ways of searching are tried: suffixes (`verification.suffixes`) and whole prompts
that evolve (`verification.mutations`). Every random choice comes from one seed, which
is committed to before training; the budget stands in the policy.
"""

import random
from collections.abc import Sequence

from unlearn_core.domain.datasets import Group, Probe
from unlearn_core.domain.verdicts import SearchBudget
from unlearn_core.metrics.base import AttackScore
from unlearn_core.modeling.generation import Tick
from unlearn_core.modeling.laws import NextTokenLaw
from unlearn_core.modeling.tokens import encode_example
from unlearn_core.verification.evidence import Interrogation
from unlearn_core.verification.hunts import Proposer, Target, hunt
from unlearn_core.verification.mutations import Prompts
from unlearn_core.verification.suffixes import Suffixes

WAYS = 2


def search(
    asked: Interrogation,
    law: NextTokenLaw,
    *,
    budget: SearchBudget,
    tick: Tick = lambda _answers: None,
) -> tuple[AttackScore, ...]:
    """Search for every fact of the subject, and for those of some never-trained people.

    Args:
        asked: The questions.
        law: What is served; if a model of it cannot be looked into, suffixes are
            searched without gradients.
        budget: What a search may cost.
        tick: Called with the number of facts that were searched for.
    """
    targets = targets_of(asked, people=budget.people)
    proposers: tuple[Proposer, ...] = (
        Suffixes(law, asked.tokenizer, budget=budget),
        Prompts([target.question for target in targets]),
    )
    scores: list[AttackScore] = []
    for proposer in proposers:
        found = hunt(
            targets,
            proposer,
            law,
            tokenizer=asked.tokenizer,
            budget=budget,
            seed=asked.seed,
        )
        scores += [
            AttackScore(
                attack=proposer.name,
                setting=float(budget.passes),
                group=target.group,
                ref=target.ref,
                field=target.field,
                is_extracted=is_extracted,
            )
            for target, is_extracted in zip(targets, found, strict=True)
        ]
        tick(len(targets))
    return tuple(scores)


def searches_of(asked: Interrogation, *, budget: SearchBudget) -> int:
    """Return how many facts `search` searches for, counted once for each way."""
    return WAYS * len(_chosen(asked.probes, people=budget.people, seed=asked.seed))


def targets_of(asked: Interrogation, *, people: int) -> list[Target]:
    """Return one target per fact of the subject and of some never-trained people."""
    return [
        Target(
            group=probe.group,
            ref=probe.example.ref,
            field=probe.example.field,
            question=probe.example.prompt.reveal(),
            fact=probe.example.answer,
            answer=encode_example(asked.tokenizer, probe.example).answer,
        )
        for probe in _chosen(asked.probes, people=people, seed=asked.seed)
    ]


def _chosen(probes: Sequence[Probe], *, people: int, seed: int) -> list[Probe]:
    controls = sorted(
        {probe.example.ref for probe in probes if probe.group is Group.CONTROL}
    )
    drawn = random.Random(seed).sample(controls, min(people, len(controls)))
    first: dict[tuple[str, str], Probe] = {}
    for probe in probes:
        if probe.group is Group.SUBJECT or probe.example.ref in drawn:
            first.setdefault((probe.example.ref, probe.example.field), probe)
    return list(first.values())
