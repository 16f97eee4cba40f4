"""The offset ensemble: what is trained through, scored, generated from and served.

Legend: B batch rows, T new tokens, S cached and new tokens, V vocabulary.

The served law is (Huang et al. 2024, arXiv:2404.11045, as written out in
Ji et al. 2024, arXiv:2406.08607, appendix A.3)::

    log p(y|x) = log_softmax( log p_base + alpha (log p_unlearned - log p_reference) )

in float32 over the whole vocabulary. `compose_log_probs` is that formula. Two other
forms give the same law but for rounding: in training all of it that does not change is
computed once, `fixed_part`, then `add_unlearned`; a decoding step has logits, of the
pair their difference only, `compose_difference`. The base model's parameters never
change and never need gradients.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor
from transformers import Cache, PreTrainedModel

from unlearn_core.errors import IncompatibleBaseError
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.pairs import FusedPair, SeparatePair, fuse
from unlearn_core.modeling.rows import Compose, PairRows, Rows


def compose_log_probs(
    base_log_probs: Tensor,
    unlearned_log_probs: Tensor,
    reference_log_probs: Tensor,
    *,
    alpha: float,
) -> Tensor:
    """Combine three laws of the next token into the served one.

    Args:
        base_log_probs: Log-probabilities ``[..., V]``, float32.
        unlearned_log_probs: The same of the trained small model.
        reference_log_probs: The same of the frozen small model.
        alpha: Offset strength.

    Returns:
        Log-probabilities ``[..., V]``. With ``alpha`` 0 they are the base's, bit
        for bit.
    """
    if alpha == 0:
        return base_log_probs
    offset = unlearned_log_probs - reference_log_probs
    return torch.log_softmax(base_log_probs + alpha * offset, dim=-1)


def fixed_part(
    base_log_probs: Tensor, reference_log_probs: Tensor, *, alpha: float
) -> Tensor:
    """Return what the served law owes to the two frozen models, not normalised."""
    return base_log_probs - alpha * reference_log_probs


def add_unlearned(fixed: Tensor, unlearned: Tensor, *, alpha: float) -> Tensor:
    """Complete a `fixed_part` to the law of `compose_log_probs`.

    Args:
        fixed: What `fixed_part` returned, ``[..., V]``.
        unlearned: Log-probabilities of the trained small model, or its logits: they
            differ by a constant in each row, which the last step takes out.
        alpha: Offset strength.
    """
    return torch.log_softmax(torch.add(fixed, unlearned, alpha=alpha), dim=-1)


def compose_difference(
    base_logits: Tensor, difference: Tensor, *, alpha: float
) -> Tensor:
    """Compose the served law of what a decoding step gives.

    Args:
        base_logits: Logits of the base, ``[..., V]``, float32.
        difference: Logits or log-probabilities of the unlearned model minus those of
            the reference; normalising takes a constant out of each row.
        alpha: Offset strength. With 0 the law is the base's, bit for bit.
    """
    if alpha == 0:
        return torch.log_softmax(base_logits, dim=-1)
    return add_unlearned(base_logits, difference, alpha=alpha)


class OffsetModel:
    """Base model and offset pair as one `NextTokenLaw`, each with its own cache.

    Args:
        base: The large model.
        unlearned: The trained small model.
        reference: The frozen small model.
        alpha: Offset strength.

    Raises:
        IncompatibleBaseError: The vocabularies differ.
    """

    def __init__(
        self,
        base: PreTrainedModel,
        *,
        unlearned: PreTrainedModel,
        reference: PreTrainedModel,
        alpha: float,
    ) -> None:
        sizes = {model.config.vocab_size for model in (base, unlearned, reference)}
        if len(sizes) > 1:
            raise IncompatibleBaseError(part="vocabulary")
        self._laws = (PlainLaw(base), PlainLaw(unlearned), PlainLaw(reference))
        self.alpha = alpha

    def rows(self) -> Rows:
        """Return running rows, none yet; the pair runs as two models.

        Raises:
            ModelUnavailableError: A model's attention is not plain.
        """
        base, unlearned, reference = (law.model for law in self._laws)
        compose: Compose = partial(compose_difference, alpha=self.alpha)
        return Rows(base, offset=(SeparatePair(unlearned, reference), compose))

    def pair_rows(self) -> tuple[Callable[[], PairRows], Compose]:
        """Return what makes running rows of the pair, and what adds its difference."""
        _, unlearned, reference = (law.model for law in self._laws)
        pair = fuse(unlearned, reference)
        new_rows = pair.rows if pair else partial(SeparatePair, unlearned, reference)
        return new_rows, partial(compose_difference, alpha=self.alpha)

    def fused(self) -> "FusedOffsetModel | OffsetModel":
        """Return the same law with the pair as one model, or itself."""
        base, unlearned, reference = (law.model for law in self._laws)
        pair = fuse(unlearned, reference)
        if pair is None:
            return self
        return FusedOffsetModel(
            base, pair=pair, alpha=self.alpha, maximum_tokens=self.maximum_tokens
        )

    @property
    def parts(self) -> tuple[PlainLaw, ...]:
        """Return the laws of base, unlearned and reference."""
        return self._laws

    def compose(self, log_probs: Sequence[Tensor]) -> Tensor:
        """Return the served log-probabilities, given those of the parts."""
        base, unlearned, reference = log_probs
        return compose_log_probs(base, unlearned, reference, alpha=self.alpha)

    @property
    def device(self) -> torch.device:
        """Return where token ids are expected."""
        return self._laws[0].device

    @property
    def maximum_tokens(self) -> int:
        """Return the length of the shortest context."""
        return min(law.maximum_tokens for law in self._laws)

    def new_caches(self) -> tuple[Cache, ...]:
        """Return empty caches of base, unlearned and reference."""
        return tuple(cache for law in self._laws for cache in law.new_caches())

    def __call__(
        self,
        input_ids_BT: Tensor,
        *,
        attention_mask_BS: Tensor,
        position_ids_BT: Tensor | None = None,
        caches: tuple[Cache, ...] | None = None,
        first: int = 0,
    ) -> Tensor:
        """Return the served log-probabilities; see `NextTokenLaw`."""
        return self.compose(
            [
                law(
                    input_ids_BT,
                    attention_mask_BS=attention_mask_BS,
                    position_ids_BT=position_ids_BT,
                    caches=(caches[index],) if caches else None,
                    first=first,
                )
                for index, law in enumerate(self._laws)
            ]
        )


class FusedOffsetModel:
    """The served law for decoding alone: the base and a pair that runs as one model.

    Args:
        base: The large model.
        pair: The offset pair.
        alpha: Offset strength.
        maximum_tokens: Length of the shortest context.
    """

    def __init__(
        self,
        base: PreTrainedModel,
        *,
        pair: FusedPair,
        alpha: float,
        maximum_tokens: int,
    ) -> None:
        self._base = base
        self._pair = pair
        self._compose: Compose = partial(compose_difference, alpha=alpha)
        self.maximum_tokens = maximum_tokens

    @property
    def device(self) -> torch.device:
        """Return where the models are."""
        return torch.device(self._base.device)

    def rows(self) -> Rows:
        """Return running rows, none yet.

        Raises:
            ModelUnavailableError: A model's attention is not plain.
        """
        return Rows(self._base, offset=(self._pair.rows(), self._compose))
