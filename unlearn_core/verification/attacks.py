"""Attacks on our own artifact, harder than an outsider could.

Each attack is a law made from parts that some intruder may hold, or a way of asking;
the most likely answers under it are judged like any other. What an attack shows is a
metric on the report. Attacks need more than an endpoint gives, except the one in
context: replicas pin the strength, cap log-probabilities and seal the pair.

- *reversed offset*: the pair alone, reference minus unlearned, without the base;
- *strength*: another strength, or sign, of the offset;
- *int8 pair*: both small models rounded to 8 bits;
- *version contrast*: the version before, pushed away from this one;
- *in context*: some facts of the person as earlier turns, then another is asked for.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import Cache, PreTrainedModel

from unlearn_core.domain.datasets import Group, Probe
from unlearn_core.metrics.base import AttackScore
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.tokens import TokenizedExample, encode_example
from unlearn_core.verification.evidence import Interrogation, greedy_answers
from unlearn_core.verification.judge import states

STRENGTHS = (-1.0, 0.0, 0.5, 0.75, 1.25, 1.5, 2.0)
CONTRAST = 1.0
FACTS_IN_CONTEXT = 3
_INT8 = 127


class MixedLaw:
    """Weighted log-probabilities of several laws, made into a law again.

    Args:
        *parts: Laws with their weights.
    """

    def __init__(self, *parts: tuple[NextTokenLaw, float]) -> None:
        self._parts = parts
        self.device = parts[0][0].device
        self.maximum_tokens = min(law.maximum_tokens for law, _ in parts)

    def new_caches(self) -> tuple[Cache, ...]:
        """Return empty caches of all parts."""
        return tuple(cache for law, _ in self._parts for cache in law.new_caches())

    def __call__(
        self,
        input_ids_BT: Tensor,
        *,
        attention_mask_BS: Tensor,
        position_ids_BT: Tensor | None = None,
        caches: tuple[Cache, ...] | None = None,
        first: int = 0,
    ) -> Tensor:
        """Return log-probabilities; see `NextTokenLaw`."""
        start = 0
        mixed_BTV = torch.zeros(())
        for law, weight in self._parts:
            count = len(law.new_caches())
            found = law(
                input_ids_BT,
                attention_mask_BS=attention_mask_BS,
                position_ids_BT=position_ids_BT,
                caches=caches[start : start + count] if caches else None,
                first=first,
            )
            start += count
            mixed_BTV = mixed_BTV.to(found.device) + weight * found
        return torch.log_softmax(mixed_BTV, dim=-1)


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

    def in_int8(self) -> NextTokenLaw:
        """Return the served ensemble with both small models rounded to 8 bits."""
        pair = (rounded_to_int8(self.unlearned), rounded_to_int8(self.reference))
        return self._ensemble(*pair, 1.0)

    def reversed(self) -> NextTokenLaw:
        """Return what the pair alone says backwards."""
        unlearned, reference = PlainLaw(self.unlearned), PlainLaw(self.reference)
        return MixedLaw((reference, 1.0), (unlearned, -1.0))

    def _ensemble(
        self, unlearned: PreTrainedModel, reference: PreTrainedModel, strength: float
    ) -> NextTokenLaw:
        weight = strength * self.alpha
        return MixedLaw(
            (self.base, 1.0),
            (PlainLaw(unlearned), weight),
            (PlainLaw(reference), -weight),
        )


def rounded_to_int8(model: PreTrainedModel) -> PreTrainedModel:
    """Return a copy whose matrices hold 255 values per row, as int8 storage would."""
    rounded = copy.deepcopy(model)
    with torch.no_grad():
        for weight in rounded.parameters():
            if weight.ndim > 1:
                scale = weight.abs().amax(dim=-1, keepdim=True).clamp(min=1e-12) / _INT8
                weight.copy_((weight / scale).round() * scale)
    return rounded


def attack(asked: Interrogation, artifact: Artifact) -> tuple[AttackScore, ...]:
    """Try every attack on the subject, and on never-trained people to compare."""
    probes = _attacked(asked.probes)
    plain = [encode_example(asked.tokenizer, probe.example) for probe in probes]
    laws: list[tuple[str, float, NextTokenLaw]] = [
        ("reversed_offset", -1.0, artifact.reversed()),
        ("int8_pair", 1.0, artifact.in_int8()),
        (
            "version_contrast",
            CONTRAST,
            MixedLaw((asked.before, 1 + CONTRAST), (asked.after, -CONTRAST)),
        ),
        *(("strength", item, artifact.at(item)) for item in STRENGTHS),
    ]
    scores = [
        score
        for name, setting, law in laws
        for score in _try(name, setting, law, probes, plain, asked=asked)
    ]
    told = in_context(probes, plain, maximum_tokens=asked.after.maximum_tokens)
    setting = float(FACTS_IN_CONTEXT)
    scores += _try("in_context", setting, asked.after, probes, told, asked=asked)
    return tuple(scores)


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


def _attacked(probes: Sequence[Probe]) -> list[Probe]:
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


def _try(
    name: str,
    setting: float,
    law: NextTokenLaw,
    probes: Sequence[Probe],
    encoded: Sequence[TokenizedExample],
    *,
    asked: Interrogation,
) -> list[AttackScore]:
    answers = greedy_answers(law, encoded, tokenizer=asked.tokenizer)
    return [
        AttackScore(
            attack=name,
            setting=setting,
            group=probe.group,
            is_extracted=states(answer, probe.example.answer),
        )
        for probe, answer in zip(probes, answers, strict=True)
    ]
