"""A law of the next token: what scoring, generation and serving need of a model.

Legend: B batch rows, T new tokens, S cached and new tokens, V vocabulary.

A plain model is a law, and so is the offset ensemble; everything above does not
care which one it has.
"""

from typing import Protocol

import torch
from torch import Tensor
from transformers import Cache, DynamicCache, PreTrainedModel


class NextTokenLaw(Protocol):
    """Gives log-probabilities of the next token."""

    @property
    def device(self) -> torch.device:
        """Return where token ids are expected."""
        ...

    @property
    def maximum_tokens(self) -> int:
        """Return the length of the context."""
        ...

    def new_caches(self) -> tuple[Cache, ...]:
        """Return empty key-value caches, one per model."""
        ...

    def __call__(
        self,
        input_ids_BT: Tensor,
        *,
        attention_mask_BS: Tensor,
        position_ids_BT: Tensor | None = None,
        caches: tuple[Cache, ...] | None = None,
        last_only: bool = False,
    ) -> Tensor:
        """Return float32 log-probabilities ``[B, T, V]``, or ``[B, 1, V]``.

        Args:
            input_ids_BT: New tokens.
            attention_mask_BS: 1 for every token that may be attended to, cached
                ones included.
            position_ids_BT: Positions of the new tokens; needed with left padding.
            caches: Caches to read and extend.
            last_only: Compute the law after the last token only.
        """
        ...


class PlainLaw:
    """The law of one model by itself."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model

    @property
    def device(self) -> torch.device:
        """Return where token ids are expected."""
        return torch.device(self.model.device)

    @property
    def maximum_tokens(self) -> int:
        """Return the length of the context."""
        return int(self.model.config.max_position_embeddings)

    def new_caches(self) -> tuple[Cache, ...]:
        """Return one empty key-value cache."""
        return (DynamicCache(config=self.model.config),)

    def __call__(
        self,
        input_ids_BT: Tensor,
        *,
        attention_mask_BS: Tensor,
        position_ids_BT: Tensor | None = None,
        caches: tuple[Cache, ...] | None = None,
        last_only: bool = False,
    ) -> Tensor:
        """Return the model's float32 log-probabilities."""
        cache = caches[0] if caches else None
        # A list of positions makes a compact copy. For the view that a number makes,
        # a bf16 head on the CPU copies its weights once per row (docs/log.md).
        width = input_ids_BT.shape[1]
        kept_T = torch.arange(width - 1 if last_only else 0, width, device=self.device)
        output = self.model(
            input_ids=input_ids_BT,
            attention_mask=attention_mask_BS,
            position_ids=position_ids_BT,
            past_key_values=cache,
            use_cache=cache is not None,
            logits_to_keep=kept_T,
        )
        return torch.log_softmax(output.logits.float(), dim=-1)
