"""A base elsewhere that is in this process."""

from collections.abc import Callable, Sequence

import torch

from unlearn_core.modeling.laws import NextTokenLaw
from unlearn_core.ports import Told

Change = Callable[[dict[int, float]], dict[int, float]]


class MemoryUpstream:
    """`Upstream` that asks a law in this process.

    Args:
        law: The law.
        tokens: How many tokens it is asked for.

    Attributes:
        mark: What it calls itself.
        asked: All contexts that it was asked about.
        change: Changes what it says about a position.
        failures: Raised one by one instead of answers; None lets one answer through.
    """

    def __init__(self, law: NextTokenLaw, *, tokens: int) -> None:
        self._law = law
        self.tokens = tokens
        self.mark = "base none"
        self.asked: list[tuple[int, ...]] = []
        self.change: Change = dict
        self.failures: list[Exception | None] = []

    def tell(self, contexts: Sequence[Sequence[int]]) -> Told:
        """Return what the law says."""
        if self.failures and (failure := self.failures.pop(0)):
            raise failure
        if not contexts:
            message = "asked about nothing"
            raise ValueError(message)
        self.asked += map(tuple, contexts)
        return Told(laws=[self._after(item) for item in contexts], mark=self.mark)

    def _after(self, context: Sequence[int]) -> dict[int, float]:
        ids_BT = torch.tensor([context], device=self._law.device)
        mask_BS = torch.ones_like(ids_BT)
        with torch.inference_mode():
            law_V = self._law(ids_BT, attention_mask_BS=mask_BS, first=-1)[0, -1]
        best = law_V.topk(min(self.tokens, len(law_V)))
        return self.change(
            dict(zip(best.indices.tolist(), best.values.tolist(), strict=True))
        )
