"""Laws that never change during training: computed once, used in every epoch.

Legend: E examples, N answer positions, V vocabulary.

On fixed text log p_base and log p_reference are constants, and so are the laws to
learn from. `AnswerTable` holds them at answer positions only. It is personal data
like the text itself: it lives in memory and goes with the process.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unlearn_core.modeling.laws import NextTokenLaw, law_at_answers
from unlearn_core.modeling.tokens import (
    TokenizedExample,
    collate,
    in_chunks,
)

BASE, BEFORE = "base", "before"
"""Roles of laws: that of the base, and that which is served before a training."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AnswerTable:
    """Examples with the laws at their answer positions.

    Attributes:
        examples: Token ids.
        starts_E: Where the positions of an example begin in the other tensors.
        counts_E: How many positions it has.
        labels_N: The answer tokens.
        base_NV: Law of the base model.
        reference_NV: Law of the frozen small model.
        target_NV: Law to learn from.
        second: The same examples with a second answer, if the objective has one.
    """

    examples: tuple[TokenizedExample, ...]
    starts_E: Tensor
    counts_E: Tensor
    labels_N: Tensor
    base_NV: Tensor
    reference_NV: Tensor
    target_NV: Tensor
    second: "AnswerTable | None" = None

    def __len__(self) -> int:
        return len(self.examples)

    def positions_of(self, chosen: Sequence[int]) -> Tensor:
        """Return the indices of all positions of some examples, in order."""
        starts, counts = self.starts_E.tolist(), self.counts_E.tolist()
        return torch.tensor(
            [
                place
                for row in chosen
                for place in range(starts[row], starts[row] + counts[row])
            ]
        )


def answer_laws(
    law: NextTokenLaw, examples: Sequence[TokenizedExample], *, pad_id: int
) -> Tensor:
    """Return the log-probabilities ``[N, V]`` of a law at all answer positions.

    Without an example there is no position and nothing that tells V: ``[0, 0]``.
    """
    pieces = [] if examples else [torch.zeros((0, 0), device=law.device)]
    for chunk in in_chunks(examples):
        batch = collate(chunk, pad_id=pad_id, maximum_tokens=law.maximum_tokens).to(
            law.device
        )
        with torch.no_grad():
            pieces.append(law_at_answers(law, batch))
    return torch.cat(pieces)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LawQuery:
    """A question for the `answer_laws` of frozen models.

    Attributes:
        role: Which law it is among the models.
        law: The law itself, to be asked if nothing better is known.
        examples: Token ids.
        pad_id: Id that fills up short rows.
    """

    role: str
    law: NextTokenLaw
    examples: Sequence[TokenizedExample]
    pad_id: int


Lookup = Callable[[LawQuery], Tensor]
"""Gives log-probabilities ``[N, V]``, perhaps without asking the models again."""


def computed(query: LawQuery) -> Tensor:
    """Ask the model each time: the `Lookup` of those who keep nothing."""
    return answer_laws(query.law, query.examples, pad_id=query.pad_id)


def build_table(
    examples: Sequence[TokenizedExample],
    *,
    base: NextTokenLaw,
    reference: NextTokenLaw,
    target_NV: Tensor | None,
    pad_id: int,
    lookup: Lookup = computed,
) -> AnswerTable:
    """Compute the constant laws of some examples.

    Args:
        examples: Token ids.
        base: The base model.
        reference: The frozen small model.
        target_NV: Law to learn from; the base's own if None.
        pad_id: Id that fills up short rows.
        lookup: Where the law of the base may be had without the base.
    """
    counts_E = torch.tensor([len(item.answer) for item in examples], dtype=torch.long)
    labels_N = torch.tensor(
        [token for item in examples for token in item.answer], dtype=torch.long
    )
    reference_NV = answer_laws(reference, examples, pad_id=pad_id)
    base_NV = lookup(LawQuery(role=BASE, law=base, examples=examples, pad_id=pad_id))
    return AnswerTable(
        examples=tuple(examples),
        starts_E=counts_E.cumsum(0) - counts_E,
        counts_E=counts_E,
        labels_N=labels_N.to(reference.device),
        base_NV=base_NV,
        reference_NV=reference_NV,
        target_NV=base_NV if target_NV is None else target_NV,
    )


def swapped_laws(
    law: NextTokenLaw,
    examples: Sequence[TokenizedExample],
    twins: Sequence[TokenizedExample],
    *,
    pad_id: int,
    lookup: Lookup = computed,
    role: str = BEFORE,
) -> Tensor:
    """Return the law about twins, mapped back to the subject.

    Where example and twin differ in an answer token, the probabilities of the two
    tokens are exchanged: what the model says about the twin's value it shall say
    about the subject's. A twin whose answer has another length lends its prompt
    only.

    Args:
        law: The model as served before.
        examples: The subject's examples.
        twins: The same, as they read for never-trained people.
        pad_id: Id that fills up short rows.
        lookup: Where the law may be had without its models.
        role: Which law it is.

    Returns:
        Log-probabilities ``[N, V]`` at the answer positions of ``examples``.
    """
    usable = [
        twin
        if len(twin.answer) == len(example.answer)
        else TokenizedExample(prompt=twin.prompt, answer=example.answer)
        for example, twin in zip(examples, twins, strict=True)
    ]
    laws_NV = lookup(LawQuery(role=role, law=law, examples=usable, pad_id=pad_id))
    own_N = torch.tensor([token for item in examples for token in item.answer])
    twin_N = torch.tensor([token for item in usable for token in item.answer])
    rows = torch.arange(len(own_N))
    own_N, twin_N, rows = (item.to(laws_NV.device) for item in (own_N, twin_N, rows))
    swapped_NV = laws_NV.clone()
    swapped_NV[rows, own_N] = laws_NV[rows, twin_N]
    swapped_NV[rows, twin_N] = laws_NV[rows, own_N]
    return swapped_NV
