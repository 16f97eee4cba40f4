"""The law of a model elsewhere, which tells no more than its likeliest next tokens.

Legend: N answer positions, V vocabulary.

Such a model is asked at answer positions only. What it did not tell is known in sum,
not one by one: the rest of the probability is spread over the other tokens as a small
model of the same vocabulary would spread it, so that an offset on top of it does there
what the small models say and nothing else. However it is spread, the law is wrong by
at most that rest, in total variation; the largest rest is kept as `untold`.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from unlearn_core.errors import ModelUnavailableError
from unlearn_core.modeling.tokens import TokenizedExample
from unlearn_core.ports import LogprobSource

SMALLEST_REST = 1e-9
"""What tokens that were not told share at least: none of them is impossible."""

LARGEST_SUM = 1.001
"""Told probabilities that sum up to more are none."""


class RemoteLaw:
    """What a model elsewhere says at answer positions.

    Args:
        source: The model.

    Attributes:
        untold: Largest probability that was left untold at a position so far.
    """

    def __init__(self, source: LogprobSource) -> None:
        self._source = source
        self.untold = 0.0

    def at_answers(
        self, examples: Sequence[TokenizedExample], *, small_NV: Tensor
    ) -> Tensor:
        """Return log-probabilities ``[N, V]`` at all answer positions.

        Args:
            examples: Token ids.
            small_NV: The law of a small model at the same positions.

        Raises:
            ModelUnavailableError: The model does not answer, or what it tells is no
                law over this vocabulary.
        """
        contexts = [
            (*item.prompt, *item.answer[:place])
            for item in examples
            for place in range(len(item.answer))
        ]
        told = self._source.likeliest(contexts) if contexts else []
        rows = [
            self._completed(tokens, small_V)
            for tokens, small_V in zip(told, small_NV, strict=True)
        ]
        return torch.stack(rows) if rows else small_NV

    def _completed(self, told: Mapping[int, float], small_V: Tensor) -> Tensor:
        """Spread what was not told as the small model would."""
        if not told or not 0 <= min(told) <= max(told) < len(small_V):
            raise ModelUnavailableError(problem="tokens of another vocabulary")
        ids = torch.tensor(list(told), device=small_V.device)
        told_K = torch.tensor(
            list(told.values()), dtype=torch.float64, device=small_V.device
        )
        if not float(told_K.exp().sum()) <= LARGEST_SUM:
            raise ModelUnavailableError(problem="log-probabilities of no law")
        rest = max(0.0, 1.0 - float(told_K.exp().sum()))
        self.untold = max(self.untold, rest)
        others_V = small_V.double().index_fill(0, ids, -torch.inf)
        if len(ids) < len(small_V):
            others_V = others_V.log_softmax(-1) + math.log(max(rest, SMALLEST_REST))
        law_V = others_V.index_copy(0, ids, told_K)
        return law_V.log_softmax(-1).to(small_V.dtype)
