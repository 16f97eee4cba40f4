"""Looks for what the trained small model knows inside and does not say.

Legend: N pairs, D width.

A question with its true answer and the same question with somebody else's value give
two hidden states at the answer's last token. If the model still knows the fact, a
direction tells the two apart. It is found on people who stay and tried on the subject
and on never-trained people; a pair counts as known if the true answer lies further
along the direction. By chance that is one pair in two.

- *Supervised*: ridge regression on the differences, which answer is the true one known.
  Source: linear probes, Alain and Bengio 2016, arXiv:1610.01644.
- *Unsupervised*: the direction in which differences vary most, without labels; only
  which of its ends is the true one is taken from the reference, which knows these
  people. Source: Burns et al. 2022, arXiv:2212.03827, appendix on CRC-TPC.

Every layer is probed in which the reference's knowledge can be seen: a direction that
is found on every other one of the people who stay has to recognise the rest. Elsewhere
the probe could not fail, so it shows nothing. The base is not probed: its weights are
not changed and hold everything by definition.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.domain.datasets import Group, Probe
from unlearn_core.metrics.base import AttackScore
from unlearn_core.metrics.intervals import clopper_pearson
from unlearn_core.modeling.tokens import (
    ChatTokenizer,
    TokenizedExample,
    collate,
    encode_example,
    in_chunks,
)
from unlearn_core.privacy import Personal

RIDGE = 1.0
"""Weight of the ridge, in units of the mean variance of the differences."""

FEWEST_PAIRS = 12
CHANCE = 0.5
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Latent:
    """Pairs of a true and a false answer, as token ids; never shown.

    Attributes:
        groups: Which group each pair is about.
        people: Whom each pair is about.
        fields: The field of each pair.
        true: The questions with their true answers.
        false: The same questions with somebody else's value.
    """

    groups: tuple[Group, ...]
    people: tuple[str, ...]
    fields: tuple[str, ...]
    true: tuple[TokenizedExample, ...]
    false: tuple[TokenizedExample, ...]


def probe_latent(
    probes: Sequence[Probe],
    *,
    tokenizer: ChatTokenizer,
    unlearned: PreTrainedModel,
    reference: PreTrainedModel,
    seed: int,
) -> tuple[AttackScore, ...]:
    """Probe every layer of the trained small model, in both ways.

    Args:
        probes: Questions about the subject, people who stay and never-trained people.
        tokenizer: Turns them into ids.
        unlearned: The trained small model.
        reference: The frozen small model, which knows people who stay.
        seed: Seed of the choice of false answers.

    Returns:
        Scores with the layer as setting, 0 being the embeddings; none of layers that
        could not show anything, or if too few pairs are about people who stay.
    """
    pairs = pairs_of(probes, tokenizer=tokenizer, seed=seed)
    stay = torch.tensor([group is Group.RETAINED for group in pairs.groups])
    if int(stay.sum()) < FEWEST_PAIRS:
        return ()
    layers = zip(
        differences(unlearned, pairs, pad_id=tokenizer.pad_id),
        differences(reference, pairs, pad_id=tokenizer.pad_id),
        strict=True,
    )
    half = _every_other(pairs)[stay]
    scores: list[AttackScore] = []
    for layer, (of_unlearned_ND, of_reference_ND) in enumerate(layers):
        directions = {
            "latent_supervised": supervised(of_unlearned_ND[stay]),
            "latent_unsupervised": unsupervised(
                of_unlearned_ND[stay], oriented_by=of_reference_ND[stay]
            ),
        }
        for attack, direction_D in directions.items():
            if not _can_see(attack, of_reference_ND[stay], half):
                continue
            known_N = of_unlearned_ND @ direction_D > 0
            scores += _scores(attack, layer, pairs, known_N)
    return tuple(scores)


def _scores(
    attack: str, layer: int, pairs: Latent, known_N: Tensor
) -> list[AttackScore]:
    return [
        AttackScore(
            attack=attack,
            setting=float(layer),
            group=group,
            ref=person,
            field=field,
            is_extracted=is_known,
        )
        for group, person, field, is_known in zip(
            pairs.groups, pairs.people, pairs.fields, known_N.tolist(), strict=True
        )
        if group in {Group.SUBJECT, Group.CONTROL}
    ]


def _every_other(pairs: Latent) -> Tensor:
    """Tell which pairs are about every other one of the people who stay, ``[N]``."""
    stay = [
        person
        for person, group in zip(pairs.people, pairs.groups, strict=True)
        if group is Group.RETAINED
    ]
    chosen = set(list(dict.fromkeys(stay))[::2])
    return torch.tensor([person in chosen for person in pairs.people])


def _can_see(attack: str, of_reference_ND: Tensor, half_N: Tensor) -> bool:
    """Tell whether more than chance is seen of what the reference knows.

    Args:
        attack: How the direction is found.
        of_reference_ND: Differences about people who stay.
        half_N: On which of them it is found; it is tried on the others.
    """
    first_ND, second_ND = of_reference_ND[half_N], of_reference_ND[~half_N]
    if not len(second_ND):
        return False
    direction_D = (
        supervised(first_ND)
        if attack == "latent_supervised"
        else unsupervised(first_ND, oriented_by=first_ND)
    )
    hits = int((second_ND @ direction_D > 0).sum())
    low, _ = clopper_pearson(hits, len(second_ND), confidence=CONFIDENCE)
    return low > CHANCE


def pairs_of(probes: Sequence[Probe], *, tokenizer: ChatTokenizer, seed: int) -> Latent:
    """Put a false answer beside every true one: another person's value of the field."""
    values: dict[str, set[str]] = {}
    for probe in probes:
        own = values.setdefault(probe.example.field, set())
        own.add(probe.example.answer.reveal())
    pools = {name: sorted(pool) for name, pool in values.items()}
    rng = random.Random(seed)
    groups, people, asked, true, false = [], [], [], [], []
    for probe in probes:
        example = probe.example
        wrong = [
            item for item in pools[example.field] if item != example.answer.reveal()
        ]
        if wrong:
            other = replace(example, answer=Personal(rng.choice(wrong)))
            groups.append(probe.group)
            people.append(example.ref)
            asked.append(example.field)
            true.append(encode_example(tokenizer, example))
            false.append(encode_example(tokenizer, other))
    return Latent(
        groups=tuple(groups),
        people=tuple(people),
        fields=tuple(asked),
        true=tuple(true),
        false=tuple(false),
    )


def differences(
    model: PreTrainedModel, pairs: Latent, *, pad_id: int
) -> tuple[Tensor, ...]:
    """Return every layer's states of true answers minus false ones, ``[N, D]``."""
    true, false = (
        _states(model, rows, pad_id=pad_id) for rows in (pairs.true, pairs.false)
    )
    return tuple(one - other for one, other in zip(true, false, strict=True))


def _states(
    model: PreTrainedModel, rows: Sequence[TokenizedExample], *, pad_id: int
) -> tuple[Tensor, ...]:
    """Return every layer's states at the last token, ``[N, D]``."""
    longest = int(model.config.max_position_embeddings)
    found: list[tuple[Tensor, ...]] = []
    for chunk in in_chunks(rows):
        batch = collate(chunk, pad_id=pad_id, maximum_tokens=longest)
        with torch.inference_mode():
            output = model(
                input_ids=batch.input_ids_BT.to(model.device),
                attention_mask=batch.attention_mask_BT.to(model.device),
                output_hidden_states=True,
                use_cache=False,
            )
        # The last token of a question's answer ends the turn and says nothing itself,
        # but it has seen all of the answer.
        last_B = batch.attention_mask_BT.sum(dim=1) - 1
        rows_B = torch.arange(len(chunk))
        found.append(
            tuple(
                state_BTD[rows_B, last_B].float().cpu()
                for state_BTD in output.hidden_states
            )
        )
    return tuple(torch.cat(layer) for layer in zip(*found, strict=True))


def supervised(differences_ND: Tensor) -> Tensor:
    """Return the direction in which true answers lie, ``[D]``.

    Ridge regression without a constant: every difference shall be 1 along it.
    """
    count, width = differences_ND.shape
    covariance_DD = differences_ND.mT @ differences_ND / count
    ridge = RIDGE * float(covariance_DD.diagonal().mean()) + torch.finfo().tiny
    direction_D: Tensor = torch.linalg.solve(
        covariance_DD + ridge * torch.eye(width), differences_ND.mean(dim=0)
    )
    return direction_D


def unsupervised(differences_ND: Tensor, *, oriented_by: Tensor) -> Tensor:
    """Return the direction in which differences vary most, ``[D]``.

    Args:
        differences_ND: Of the model that is probed; each counts either way round.
        oriented_by: Differences of a model that knows the facts, ``[N, D]``: most of
            them shall point forward.
    """
    covariance_DD = differences_ND.mT @ differences_ND
    found_D = torch.linalg.eigh(covariance_DD).eigenvectors[:, -1]
    forward = float((oriented_by @ found_D).sign().sum())
    direction_D: Tensor = -found_D if forward < 0 else found_D
    return direction_D
