"""A law of the next token: what scoring, generation and serving need of a model.

Legend: B batch rows, T new tokens, S cached and new tokens, N answer positions,
V vocabulary.

A plain model is a law, and so is the offset ensemble; everything above does not
care which one it has.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from transformers import Cache, DynamicCache, PreTrainedModel

from unlearn_core.modeling.rows import Rows
from unlearn_core.modeling.tokens import Batch, answer_positions


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
        first: int = 0,
    ) -> Tensor:
        """Return float32 log-probabilities ``[B, T - first, V]``.

        Args:
            input_ids_BT: New tokens.
            attention_mask_BS: 1 for every token that may be attended to, cached
                ones included.
            position_ids_BT: Positions of the new tokens; needed with left padding.
            caches: Caches to read and extend.
            first: The first new token after which the law is wanted; -1 is the last.
        """
        ...


@runtime_checkable
class ComposedLaw(NextTokenLaw, Protocol):
    """A law that is made of other laws, position by position."""

    @property
    def parts(self) -> tuple[NextTokenLaw, ...]:
        """Return the laws that it is made of."""
        ...

    def compose(self, log_probs: Sequence[Tensor]) -> Tensor:
        """Make it, ``[..., V]``, out of what its parts say at the same positions."""
        ...


class PlainLaw:
    """The law of one model by itself; two of the same model are equal."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PlainLaw) and other.model is self.model

    def __hash__(self) -> int:
        return id(self.model)

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

    def rows(self) -> Rows:
        """Return running rows, none yet.

        Raises:
            ModelUnavailableError: The model's attention is not plain.
        """
        return Rows(self.model)

    def __call__(
        self,
        input_ids_BT: Tensor,
        *,
        attention_mask_BS: Tensor,
        position_ids_BT: Tensor | None = None,
        caches: tuple[Cache, ...] | None = None,
        first: int = 0,
    ) -> Tensor:
        """Return the model's float32 log-probabilities."""
        cache = caches[0] if caches else None
        # A list of positions makes a compact copy. For the view that a number makes,
        # a bf16 head on the CPU copies its weights once per row (docs/log.md).
        kept_T = torch.arange(input_ids_BT.shape[1], device=self.device)[first:]
        output = self.model(
            input_ids=input_ids_BT,
            attention_mask=attention_mask_BS,
            position_ids=position_ids_BT,
            past_key_values=cache,
            use_cache=cache is not None,
            logits_to_keep=kept_T,
        )
        return torch.log_softmax(output.logits.float(), dim=-1)


def law_at_answers(law: NextTokenLaw, batch: Batch) -> Tensor:
    """Return log-probabilities ``[N, V]`` where answer tokens are predicted.

    They are in the order of `answer_positions`. What all rows have before the
    earliest of these positions gets no law: vocabularies are large, prompts long.
    """
    mask_BT = answer_positions(batch).mask_BT
    first = int(mask_BT.any(dim=0).int().argmax())
    laws_BTV = law(
        batch.input_ids_BT, attention_mask_BS=batch.attention_mask_BT, first=first
    )
    return laws_BTV[mask_BT[:, first:]]
