"""Asks models that were retrained without the subject, where there are some.

Nobody retrains a large model for one request; in a small world it can be done, and says
what the gates ought to have found. What is asked here goes into the evidence, where the
metrics `two_way_distance` and `unlearning_lira` read it.
"""

from collections.abc import Sequence
from dataclasses import replace

from unlearn_core.domain.datasets import Group
from unlearn_core.metrics.base import Evidence, Said
from unlearn_core.modeling.generation import Sampling, generate
from unlearn_core.modeling.laws import NextTokenLaw
from unlearn_core.modeling.tokens import TokenizedExample, encode_example
from unlearn_core.verification.evidence import SPARE_TOKENS, Interrogation
from unlearn_core.verification.guards import continuations

SAMPLES = 8


def with_retrained(
    evidence: Evidence,
    asked: Interrogation,
    *,
    retrained: Sequence[NextTokenLaw],
    shadows: Sequence[NextTokenLaw] = (),
    samples: int = SAMPLES,
) -> Evidence:
    """Return the evidence with what retrained models and other runs say.

    Args:
        evidence: What the same interrogation gathered.
        asked: The interrogation.
        retrained: Laws that never saw the subject, of several seeds; the first is
            compared with the served law answer by answer.
        shadows: Laws that learned the subject and forgot them again, of several seeds.
        samples: Answers of each side to each question about the subject.
    """
    return replace(
        evidence,
        retrained=tuple(_likelihoods(law, asked) for law in retrained),
        shadows=tuple(_likelihoods(law, asked) for law in shadows),
        said=_said(asked, retrained[0], samples=samples) if retrained else (),
    )


def _likelihoods(law: NextTokenLaw, asked: Interrogation) -> tuple[float, ...]:
    """Return the mean log-probability of every probe's answer."""
    rows = [encode_example(asked.tokenizer, probe.example) for probe in asked.probes]
    found = continuations(
        law, [(row.prompt, row.answer) for row in rows], pad_id=asked.tokenizer.pad_id
    )
    return tuple(
        log_prob / len(row.answer)
        for (log_prob, _), row in zip(found, rows, strict=True)
    )


def _said(
    asked: Interrogation, retrained: NextTokenLaw, *, samples: int
) -> tuple[Said, ...]:
    """Let both sides answer the questions about the subject, and ask both of each."""
    rows = [
        encode_example(asked.tokenizer, probe.example)
        for probe in asked.probes
        if probe.group is Group.SUBJECT
    ]
    longest = max(len(row.answer) for row in rows) + SPARE_TOKENS
    found: list[Said] = []
    for is_served, own, other in (
        (True, asked.after, retrained),
        (False, retrained, asked.after),
    ):
        answers = _answers(own, rows, asked, longest=longest, samples=samples)
        pairs = [
            (rows[number // samples].prompt, answer)
            for number, answer in enumerate(answers)
        ]
        by_own, by_other = (
            continuations(law, pairs, pad_id=asked.tokenizer.pad_id)
            for law in (own, other)
        )
        found += [
            Said(
                question=number // samples,
                is_served=is_served,
                own_log_prob=here,
                other_log_prob=there,
            )
            for number, ((here, _), (there, _)) in enumerate(
                zip(by_own, by_other, strict=True)
            )
        ]
    return tuple(found)


def _answers(
    law: NextTokenLaw,
    rows: Sequence[TokenizedExample],
    asked: Interrogation,
    *,
    longest: int,
    samples: int,
) -> list[list[int]]:
    """Sample answers with the token that ends them, if they came to an end."""
    found = generate(
        law,
        [row.prompt for row in rows],
        Sampling(maximum_tokens=longest, temperature=1.0),
        end_id=asked.tokenizer.end_id,
        pad_id=asked.tokenizer.pad_id,
        seed=asked.seed,
        samples=samples,
    )
    end = asked.tokenizer.end_id
    return [[*ids, end] if len(ids) < longest else ids for ids in found]
