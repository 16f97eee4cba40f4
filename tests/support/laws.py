"""Laws at answer positions, written as tables of probabilities."""

from collections.abc import Sequence

import torch
from torch import Tensor

from unlearn_core.objectives.base import AnswerLaws

Rows = Sequence[Sequence[float]]


def table(rows: Rows) -> Tensor:
    """Return log-probabilities ``[N, V]`` from probabilities, in double precision."""
    return torch.tensor(rows, dtype=torch.float64).log()


def answer_laws(
    served: Rows | Tensor,
    *,
    base: Rows | Tensor | None = None,
    target: Rows | Tensor | None = None,
    labels: Sequence[int],
    examples: Sequence[int] | None = None,
    second: AnswerLaws | None = None,
) -> AnswerLaws:
    """Return laws; base and target are the served one unless given.

    Args:
        served: Probabilities, or log-probabilities as a tensor.
        base: The same of the base model.
        target: The same of the law to learn from.
        labels: True tokens.
        examples: Which example each position belongs to; one each if None.
        second: Laws of second answers to the same examples.
    """
    owner = list(range(len(labels)) if examples is None else examples)
    served_NV = served if isinstance(served, Tensor) else table(served)
    base_NV, target_NV = (
        served_NV.detach()
        if item is None
        else item
        if isinstance(item, Tensor)
        else table(item)
        for item in (base, target)
    )
    return AnswerLaws(
        served_NV=served_NV,
        base_NV=base_NV,
        target_NV=target_NV,
        labels_N=torch.tensor(labels),
        example_N=torch.tensor(owner),
        examples=max(owner) + 1,
        second=second,
    )
