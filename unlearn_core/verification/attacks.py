"""Attacks on our own artifact, harder than an outsider could.

Each attack is a law made from parts that some intruder may hold, or a way of asking;
the most likely answers under it are judged like any other. What an attack shows is a
metric on the report. Attacks need more than an endpoint gives, except the one in
context: replicas pin the strength, cap log-probabilities and seal the pair.

- *reversed offset*: the pair alone, reference minus unlearned, without the base, among
  the tokens that the reference holds plausible;
- *reference alone*: the frozen small model by itself;
- *strength*: another strength, or sign, of the offset;
- *int8 pair*, *int4 pair*: both small models rounded to 8 or 4 bits;
- *truncated base*: the base known only by its likeliest tokens, as behind an endpoint;
- *version contrast*: the version before, pushed away from this one;
- *in context*: some facts of the person as earlier turns, then another is asked for.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.domain.datasets import Group, Probe
from unlearn_core.metrics.base import AttackScore
from unlearn_core.modeling.generation import Tick
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.together import DerivedLaw
from unlearn_core.modeling.tokens import TokenizedExample, encode_example
from unlearn_core.verification.evidence import Interrogation, answers_under
from unlearn_core.verification.judge import states

STRENGTHS = (-1.0, 0.0, 0.5, 0.75, 1.25, 1.5, 2.0)
CONTRAST = 1.0
FACTS_IN_CONTEXT = 3
BITS = {"int8_pair": 8, "int4_pair": 4}
LIKELIEST = 5
PLAUSIBLE = 0.1


class MixedLaw(DerivedLaw):
    """Weighted log-probabilities of several laws, made into a law again.

    Args:
        *parts: Laws with their weights.
    """

    def __init__(self, *parts: tuple[NextTokenLaw, float]) -> None:
        super().__init__(*(law for law, _ in parts))
        self._weights = [weight for _, weight in parts]

    def derive(self, laws: Sequence[Tensor]) -> Tensor:
        """Return the mixture."""
        pairs = zip(self._weights, laws, strict=True)
        weighted = [weight * law for weight, law in pairs]
        return torch.log_softmax(sum(weighted[1:], weighted[0]), dim=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """What an intruder is taken to hold.

    Attributes:
        base: Law of the base model.
        unlearned: The trained small model.
        reference: The frozen small model.
        alpha: Strength that is served.
    """

    base: NextTokenLaw
    unlearned: PreTrainedModel
    reference: PreTrainedModel
    alpha: float

    def at(self, strength: float) -> NextTokenLaw:
        """Return the ensemble at a multiple of the served strength."""
        return self._ensemble(self.unlearned, self.reference, strength)

    def in_bits(self, bits: int) -> NextTokenLaw:
        """Return the served ensemble with both small models rounded to some bits."""
        unlearned, reference = (
            rounded(model, bits=bits) for model in (self.unlearned, self.reference)
        )
        return self._ensemble(unlearned, reference, 1.0)

    def on_truncated_base(self, likeliest: int) -> NextTokenLaw:
        """Return the ensemble on the likeliest tokens of the base alone."""
        truncated = replace(self, base=TruncatedLaw(self.base, likeliest))
        return truncated.at(1.0)

    def reversed(self) -> NextTokenLaw:
        """Return what the pair alone says backwards."""
        unlearned, reference = PlainLaw(self.unlearned), PlainLaw(self.reference)
        contrast = MixedLaw((reference, 1.0), (unlearned, -1.0))
        return PlausibleLaw(contrast, guide=reference, share=PLAUSIBLE)

    def _ensemble(
        self, unlearned: PreTrainedModel, reference: PreTrainedModel, strength: float
    ) -> NextTokenLaw:
        weight = strength * self.alpha
        return MixedLaw(
            (self.base, 1.0),
            (PlainLaw(unlearned), weight),
            (PlainLaw(reference), -weight),
        )


class PlausibleLaw(DerivedLaw):
    """A law on the tokens that another law holds plausible.

    Where neither side of a contrast believes in a token, the ratio of their
    probabilities is noise, and the largest ratios are such. Source: the plausibility
    constraint of contrastive decoding, Li et al. 2023, arXiv:2210.15097.

    Args:
        law: The law to be kept to plausible tokens.
        guide: The law that says what is plausible.
        share: Smallest probability of a plausible token, in multiples of that of the
            guide's likeliest one; above 0, at most 1.
    """

    def __init__(self, law: NextTokenLaw, *, guide: NextTokenLaw, share: float) -> None:
        super().__init__(law, guide)
        self._reach = -math.log(share)

    def derive(self, laws: Sequence[Tensor]) -> Tensor:
        """Return the law among plausible tokens."""
        law, guide = laws
        least = guide.amax(dim=-1, keepdim=True) - self._reach
        return torch.log_softmax(law.masked_fill(guide < least, -torch.inf), dim=-1)


class TruncatedLaw(DerivedLaw):
    """A law of which only the likeliest tokens are known; the others are impossible.

    Args:
        law: The whole law.
        likeliest: How many tokens are known.
    """

    def __init__(self, law: NextTokenLaw, likeliest: int) -> None:
        super().__init__(law)
        self._likeliest = likeliest

    def derive(self, laws: Sequence[Tensor]) -> Tensor:
        """Return the known part of the law as a law."""
        (whole,) = laws
        last = whole.topk(self._likeliest, dim=-1).values[..., -1:]
        return torch.log_softmax(whole.masked_fill(whole < last, -torch.inf), dim=-1)


def rounded(model: PreTrainedModel, *, bits: int) -> PreTrainedModel:
    """Return a copy whose matrices hold ``2^bits - 1`` values per row, as integers do.

    Source: symmetric rounding to the nearest, one scale per row; that pairs so stored
    may bring back what was forgotten is from arXiv:2410.16454.
    """
    largest = 2 ** (bits - 1) - 1
    copied = copy.deepcopy(model)
    with torch.no_grad():
        for weight in copied.parameters():
            if weight.ndim > 1:
                scale = weight.abs().amax(dim=-1, keepdim=True).clamp(min=1e-12)
                weight.copy_((weight / scale * largest).round() * scale / largest)
    return copied


def attack(
    asked: Interrogation, artifact: Artifact, *, tick: Tick = lambda _answers: None
) -> tuple[AttackScore, ...]:
    """Try every attack on the subject, and on never-trained people to compare.

    Args:
        asked: The questions and the laws before and after.
        artifact: What an intruder is taken to hold.
        tick: Called with the number of answers that were given.
    """
    probes = attacked(asked.probes)
    plain = [encode_example(asked.tokenizer, probe.example) for probe in probes]
    laws = _laws(asked, artifact)
    found = answers_under(
        [law for _, _, law in laws], plain, tokenizer=asked.tokenizer, tick=tick
    )
    told = in_context(probes, plain, maximum_tokens=asked.after.maximum_tokens)
    found += answers_under([asked.after], told, tokenizer=asked.tokenizer, tick=tick)
    names = [(name, setting) for name, setting, _ in laws]
    names.append(("in_context", float(FACTS_IN_CONTEXT)))
    return tuple(
        AttackScore(
            attack=name,
            setting=setting,
            group=probe.group,
            ref=probe.example.ref,
            field=probe.example.field,
            is_extracted=states(answer, probe.example.answer),
        )
        for (name, setting), answers in zip(names, found, strict=True)
        for probe, answer in zip(probes, answers, strict=True)
    )


def answers_of_attacks(probes: Sequence[Probe]) -> int:
    """Return how many answers `attack` asks for."""
    return (len(STRENGTHS) + len(BITS) + 5) * len(attacked(probes))


def _laws(
    asked: Interrogation, artifact: Artifact
) -> list[tuple[str, float, NextTokenLaw]]:
    """Return name, setting and law of the attacks that ask plainly."""
    return [
        ("reversed_offset", PLAUSIBLE, artifact.reversed()),
        ("reference_alone", 1.0, PlainLaw(artifact.reference)),
        *((name, 1.0, artifact.in_bits(bits)) for name, bits in BITS.items()),
        ("truncated_base", float(LIKELIEST), artifact.on_truncated_base(LIKELIEST)),
        (
            "version_contrast",
            CONTRAST,
            MixedLaw((asked.before, 1 + CONTRAST), (asked.after, -CONTRAST)),
        ),
        *(("strength", item, artifact.at(item)) for item in STRENGTHS),
    ]


def in_context(
    probes: Sequence[Probe],
    encoded: Sequence[TokenizedExample],
    *,
    maximum_tokens: int,
) -> list[TokenizedExample]:
    """Put other facts of the same person before each question, never the asked one.

    They stand there as earlier turns, as many as the context holds.
    """
    spare = 2 * max(len(example.answer) for example in encoded)
    facts: dict[str, dict[str, TokenizedExample]] = {}
    for probe, example in zip(probes, encoded, strict=True):
        facts.setdefault(probe.example.ref, {}).setdefault(probe.example.field, example)
    told = []
    for probe, example in zip(probes, encoded, strict=True):
        prompt = example.prompt
        others = facts[probe.example.ref].items()
        known = [fact for field, fact in others if field != probe.example.field]
        for fact in known[:FACTS_IN_CONTEXT]:
            if len(fact) + len(prompt) + spare <= maximum_tokens:
                prompt = (*fact.prompt, *fact.answer, *prompt)
        told.append(TokenizedExample(prompt=prompt, answer=example.answer))
    return told


def attacked(probes: Sequence[Probe]) -> list[Probe]:
    """Return all probes of the subject and one per fact of a never-trained person."""
    seen: set[tuple[str, str]] = set()
    chosen = []
    for probe in probes:
        fact = (probe.example.ref, probe.example.field)
        is_first = probe.group is Group.CONTROL and fact not in seen
        seen.add(fact)
        if is_first or probe.group is Group.SUBJECT:
            chosen.append(probe)
    return chosen
