"""Holding people who stay to the base's own law, and nobody who was erased.

Legend: E examples, N answer positions, V vocabulary.

Every version of an offset costs people who stay a little. If the next one keeps their
answers as they are served, the costs add up; if it draws them back to the base's own
law, they do not. But a source that may not be erased still holds people whose erasure
is in effect, and their forget sets are gone, so no list says who they are. The served
model does: to it they are strangers.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import torch

from unlearn_core.domain.datasets import Example
from unlearn_core.training.calibration import answer_likelihoods
from unlearn_core.training.targets import AnswerTable

STRANGER_NATS = 1.0
"""How much unlikelier a person's answers have become if the person was erased.

Nats per token, the mean over the person's answers. On the small world, after six
requests, erased people lie between 2.7 and 4.4, everybody else at .3 or less.
"""


def repaired(table: AnswerTable, examples: Sequence[Example]) -> AnswerTable:
    """Return a table whose target is the base's own law, except for strangers.

    Args:
        table: A retain set; its target is the law served before.
        examples: The same examples; those of one person share a ``ref``, and a text
            about nobody stands for itself.
    """
    if not examples or table.target_NV is table.base_NV:
        return table
    people = [item.ref or str(number) for number, item in enumerate(examples)]
    falls: dict[str, list[float]] = defaultdict(list)
    for person, base, served in zip(
        people,
        answer_likelihoods(table.base_NV, table),
        answer_likelihoods(table.target_NV, table),
        strict=True,
    ):
        falls[person].append(base - served)
    is_stranger_E = torch.tensor(
        [fmean(falls[person]) > STRANGER_NATS for person in people]
    )
    is_stranger_N = torch.repeat_interleave(is_stranger_E, table.counts_E)
    return replace(
        table,
        target_NV=torch.where(
            is_stranger_N[:, None].to(table.base_NV.device),
            table.target_NV,
            table.base_NV,
        ),
    )
