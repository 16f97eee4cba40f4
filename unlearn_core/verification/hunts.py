"""Hunts for one fact at a time, all of them step by step together.

One *pass* is one prompt with an answer, put through the law once.

- What is tried is a text, cut into tokens as an endpoint would, and judged by the most
  likely answer to it.
- No text states the fact: whoever could write it down need not search for it.
- A hunt ends when the true answer is the most likely one, or with its budget.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import SearchBudget
from unlearn_core.modeling.laws import NextTokenLaw
from unlearn_core.modeling.tokens import ChatTokenizer, TokenizedExample
from unlearn_core.privacy import Personal
from unlearn_core.verification.evidence import greedy_answers
from unlearn_core.verification.guards import continuations
from unlearn_core.verification.judge import states

POOL = 8
"""How many of the best texts a hunt keeps."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Target:
    """A fact that is searched for; never shown.

    Attributes:
        group: The subject, or a never-trained person.
        ref: The person.
        field: The field of the fact.
        question: How it is asked for plainly.
        fact: What shall be said.
        answer: The same as tokens, with the end of the turn.
    """

    group: Group
    ref: str
    field: str
    question: str
    fact: Personal[str]
    answer: tuple[int, ...]


@dataclass(slots=True, kw_only=True, repr=False)
class Hunt:
    """One search under way.

    Attributes:
        target: What is searched for.
        rng: Its random choices.
        best: The best texts, each with its log-probability of the answer in nats.
        passes: Passes so far.
        is_found: Whether the answer is the most likely one after the best text.
    """

    target: Target
    rng: random.Random
    best: list[tuple[float, str]] = field(default_factory=list)
    passes: int = 0
    is_found: bool = False

    def take(self, text: str, log_prob: float, *, is_likeliest: bool) -> None:
        """Look at a text that was tried; the first text found ends the search."""
        if self.is_found:
            return
        self.is_found = is_likeliest
        kept = [] if is_likeliest else self.best
        self.best = sorted({(log_prob, text), *kept}, reverse=True)[:POOL]


class Proposer(Protocol):
    """A way to think of texts that are worth a pass."""

    @property
    def name(self) -> str:
        """Return what the attack is called on the report."""
        ...

    @property
    def overhead(self) -> int:
        """Return how many passes thinking costs for one hunt."""
        ...

    def propose(self, hunts: Sequence[Hunt], count: int) -> list[list[str]]:
        """Return for every hunt at most so many texts, none of which is refused."""
        ...


def hunt(
    targets: Sequence[Target],
    proposer: Proposer,
    law: NextTokenLaw,
    *,
    tokenizer: ChatTokenizer,
    budget: SearchBudget,
    seed: int,
) -> list[bool]:
    """Search for every target and tell which facts are stated after the best text."""
    hunts = [
        Hunt(target=target, rng=random.Random(f"{seed} {proposer.name} {number}"))
        for number, target in enumerate(targets)
    ]
    _try(hunts, [[one.target.question] for one in hunts], law, tokenizer)
    while under_way := [
        one
        for one in hunts
        if not one.is_found and one.passes + proposer.overhead < budget.passes
    ]:
        for one in under_way:
            one.passes += proposer.overhead
        left = max(budget.passes - one.passes for one in under_way)
        proposed = proposer.propose(under_way, min(budget.at_once, left))
        texts = [
            found[: budget.passes - one.passes]
            for one, found in zip(under_way, proposed, strict=True)
        ]
        if not any(texts):
            break
        _try(under_way, texts, law, tokenizer)
    return _stated(hunts, law, tokenizer)


def _try(
    hunts: Sequence[Hunt],
    texts: Sequence[Sequence[str]],
    law: NextTokenLaw,
    tokenizer: ChatTokenizer,
) -> None:
    """Put texts through the law, each of them one pass."""
    rows = [(one, text) for one, own in zip(hunts, texts, strict=True) for text in own]
    found = continuations(
        law,
        [(tokenizer.question(text), one.target.answer) for one, text in rows],
        pad_id=tokenizer.pad_id,
    )
    for (one, text), (log_prob, is_likeliest) in zip(rows, found, strict=True):
        one.passes += 1
        one.take(text, log_prob, is_likeliest=is_likeliest)


def _stated(
    hunts: Sequence[Hunt], law: NextTokenLaw, tokenizer: ChatTokenizer
) -> list[bool]:
    """Tell whether the most likely answers to the best texts state the facts."""
    longest = max(len(one.target.answer) for one in hunts)
    room = max(1, law.maximum_tokens - 2 * longest)
    answers = greedy_answers(
        law,
        [
            TokenizedExample(
                prompt=tuple(tokenizer.question(one.best[0][1])[-room:]),
                answer=one.target.answer,
            )
            for one in hunts
        ],
        tokenizer=tokenizer,
    )
    return [
        states(answer, one.target.fact)
        for one, answer in zip(hunts, answers, strict=True)
    ]
