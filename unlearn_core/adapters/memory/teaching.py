"""A base model elsewhere, that is here."""

from collections.abc import Mapping, Sequence

import torch

from unlearn_core.modeling.laws import NextTokenLaw


class MemoryLogprobs:
    """`LogprobSource` that asks a law in this process, one context after another.

    Args:
        law: The law.
        told: How many tokens it tells at a position.

    Attributes:
        asked: All contexts that it was asked about.
    """

    def __init__(self, law: NextTokenLaw, *, told: int) -> None:
        self._law = law
        self._told = told
        self.asked: list[tuple[int, ...]] = []

    def likeliest(
        self, contexts: Sequence[Sequence[int]]
    ) -> Sequence[Mapping[int, float]]:
        """Return log-probabilities of the likeliest tokens after each context."""
        self.asked += map(tuple, contexts)
        return [self._after(context) for context in contexts]

    def _after(self, context: Sequence[int]) -> dict[int, float]:
        ids_BT = torch.tensor([context], device=self._law.device)
        with torch.no_grad():
            law_V = self._law(ids_BT, attention_mask_BS=torch.ones_like(ids_BT))[0, -1]
        best = law_V.topk(self._told)
        return dict(zip(best.indices.tolist(), best.values.tolist(), strict=True))
