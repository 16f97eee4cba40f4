"""Calibrates membership inference by a model that learned from the target itself.

1. *Self-prompt*: the target answers questions about people who stay and about people
   it never saw; a small fresh model learns these answers. It speaks like the target,
   but has no reason to know the subject: nobody asked about them.
2. *Probabilistic variation*: how much likelier a true answer is than its neighbours,
   under the target and under that model. Neighbours come in pairs: in one some of the
   answer's tokens are others, in the second the rest of them, so that both lie around
   the true answer.

Source: Fu et al. 2023, arXiv:2311.06062 (SPV-MIA). There texts are paraphrased by a
mask-filling model; here tokens are replaced by those of other people's answers, because
no second model is at hand.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from transformers import PretrainedConfig, PreTrainedModel

from unlearn_core.domain.datasets import Group
from unlearn_core.metrics.base import Evidence, Variation
from unlearn_core.modeling.generation import Sampling, generate
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.tokens import TokenizedExample, encode_example
from unlearn_core.modeling.weights import new_model
from unlearn_core.verification.evidence import SPARE_TOKENS, Interrogation
from unlearn_core.verification.guards import continuations
from unlearn_core.verification.teaching import taught

ASKED = frozenset({Group.RETAINED, Group.NEIGHBOUR, Group.CONTROL})


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfPrompt:
    """How much is spent on the calibration.

    Attributes:
        answers: Answers of the target to each question.
        steps: Steps of the fresh model's training.
        rows: Answers in one step.
        learning_rate: Of AdamW.
        pairs: Pairs of neighbours of each answer.
    """

    answers: int = 2
    steps: int = 200
    rows: int = 32
    learning_rate: float = 3e-3
    pairs: int = 4


def with_variations(
    evidence: Evidence,
    asked: Interrogation,
    *,
    config: PretrainedConfig,
    spent: SelfPrompt | None = None,
) -> Evidence:
    """Return the evidence with the variation of every answer about the subject.

    Those of never-trained people are beside it.

    Args:
        evidence: What the same interrogation gathered.
        asked: The interrogation; the law after is the target.
        config: Shape of the fresh model.
        spent: How much it may cost.
    """
    spent = spent or SelfPrompt()
    rows = [encode_example(asked.tokenizer, probe.example) for probe in asked.probes]
    learned = PlainLaw(self_prompted(asked, rows, config=config, spent=spent))
    wanted = [
        number
        for number, probe in enumerate(asked.probes)
        if probe.group in {Group.SUBJECT, Group.CONTROL}
    ]
    pool = sorted({token for row in rows for token in row.answer[:-1]})
    rng = random.Random(asked.seed)
    nearby = [
        neighbours(rows[number], pool=pool, pairs=spent.pairs, rng=rng)
        for number in wanted
    ]
    served, calibrating = (
        _variations(law, [rows[number] for number in wanted], nearby, asked)
        for law in (asked.after, learned)
    )
    return replace(
        evidence,
        variations=tuple(
            Variation(
                group=asked.probes[number].group,
                ref=asked.probes[number].example.ref,
                field=asked.probes[number].example.field,
                served=here,
                calibrating=there,
            )
            for number, here, there in zip(wanted, served, calibrating, strict=True)
        ),
    )


def self_prompted(
    asked: Interrogation,
    rows: Sequence[TokenizedExample],
    *,
    config: PretrainedConfig,
    spent: SelfPrompt,
) -> PreTrainedModel:
    """Train a fresh model on what the target says; nothing is asked of the subject."""
    prompts = [
        row.prompt
        for row, probe in zip(rows, asked.probes, strict=True)
        if probe.group in ASKED
    ]
    longest = max(len(row.answer) for row in rows) + SPARE_TOKENS
    answers = generate(
        asked.after,
        prompts,
        Sampling(maximum_tokens=longest, temperature=1.0),
        end_id=asked.tokenizer.end_id,
        pad_id=asked.tokenizer.pad_id,
        seed=asked.seed,
        samples=spent.answers,
    )
    said = [
        TokenizedExample(
            prompt=prompts[number // spent.answers],
            answer=(*answer, asked.tokenizer.end_id),
        )
        for number, answer in enumerate(answers)
    ]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(asked.seed)
        model = new_model(config, device=asked.after.device)
    return taught(
        model.train(),
        said,
        steps=spent.steps,
        at_once=spent.rows,
        learning_rate=spent.learning_rate,
        pad_id=asked.tokenizer.pad_id,
        seed=asked.seed,
    )


def neighbours(
    row: TokenizedExample, *, pool: Sequence[int], pairs: int, rng: random.Random
) -> list[TokenizedExample]:
    """Return pairs of answers around one; what ends it stays."""
    body, end = row.answer[:-1], row.answer[-1:]
    if not body:
        return []
    found = []
    for _ in range(pairs):
        places = rng.sample(range(len(body)), len(body))
        some = set(places[: max(1, len(body) // 2)])
        rest = set(places) - some or some
        for changed in (some, rest):
            answer = tuple(
                rng.choice(pool) if place in changed else token
                for place, token in enumerate(body)
            )
            found.append(TokenizedExample(prompt=row.prompt, answer=(*answer, *end)))
    return found


def _variations(
    law: NextTokenLaw,
    rows: Sequence[TokenizedExample],
    nearby: Sequence[Sequence[TokenizedExample]],
    asked: Interrogation,
) -> list[float]:
    """Return how much likelier each answer is than its neighbours, nats per token."""
    every = [
        item for row, near in zip(rows, nearby, strict=True) for item in (row, *near)
    ]
    scored = continuations(
        law,
        [(item.prompt, item.answer) for item in every],
        pad_id=asked.tokenizer.pad_id,
    )
    means = iter(
        log_prob / len(item.answer)
        for (log_prob, _), item in zip(scored, every, strict=True)
    )
    found = []
    for near in nearby:
        own = next(means)
        others = [next(means) for _ in near]
        found.append(own - sum(others) / len(others) if others else 0.0)
    return found
