"""What a replica puts an offset on: a base that is here, or one elsewhere."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import torch
from torch import Tensor
from transformers import Cache

from unlearn_core.modeling.bundles import OpenedBundle
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.pairs import SeparatePair, fuse
from unlearn_core.modeling.remote_rows import Ask, NoLaw, RemoteOffset
from unlearn_core.modeling.restricted import compose_restricted
from unlearn_core.modeling.rows import ServableLaw
from unlearn_core.modeling.tokens import TransformersTokenizer
from unlearn_core.modeling.weights import LanguageModel
from unlearn_core.serving.fingerprints import BaseFingerprint
from unlearn_core.serving.host import BaseHost, Host
from unlearn_core.serving.probes import probe


class ServedBase(Host[ServableLaw], Protocol):
    """A base as a replica knows it."""

    @property
    def tokenizer(self) -> TransformersTokenizer:
        """Return what turns text into ids."""
        ...

    @property
    def is_best_effort(self) -> bool:
        """Return whether the law is known in part only."""
        ...

    def bare(self) -> ServableLaw:
        """Return the law before any offset."""
        ...

    def prepare(self, bundle: OpenedBundle) -> ServableLaw:
        """Return the law with an offset, after it was tried.

        Raises:
            ManifestInvalidError: It does not work here.
            DependencyError: A base elsewhere cannot be asked.
        """
        ...

    def close(self) -> None:
        """Give connections back; nothing is asked afterwards."""
        ...


class LocalBase:
    """A base whose weights are here.

    Args:
        base: Model, tokenizer and identity.
    """

    is_best_effort = False

    def __init__(self, base: LanguageModel) -> None:
        self._model = base.model
        self._host = BaseHost(base)
        self.tokenizer = base.tokenizer
        self.identity = base.identity
        self.vocabulary_size = int(base.model.config.vocab_size)
        self.device = self._host.device

    def bare(self) -> ServableLaw:
        """Return the base's own law."""
        return PlainLaw(self._model)

    def prepare(self, bundle: OpenedBundle) -> ServableLaw:
        """Return the law with an offset; see `BaseHost`."""
        return self._host.prepare(bundle)

    def close(self) -> None:
        """Do nothing: there is no connection."""


class RemoteBase:
    """A base elsewhere, which answers with an offset or not at all.

    Args:
        ask: Asks it.
        fingerprint: What it is.
        tokenizer: Its tokenizer.
        largest_excluded: Largest probability that may be lost to untold tokens.
        device: Where pairs are loaded to.
        close: Gives the connections to it back.
    """

    is_best_effort = True

    def __init__(
        self,
        ask: Ask,
        *,
        fingerprint: BaseFingerprint,
        tokenizer: TransformersTokenizer,
        largest_excluded: float,
        device: torch.device,
        close: Callable[[], None],
    ) -> None:
        self._ask = ask
        self._close = close
        self._largest_excluded = largest_excluded
        self._maximum_tokens = fingerprint.maximum_tokens
        self.tokenizer = tokenizer
        self.identity = fingerprint.identity
        self.vocabulary_size = fingerprint.vocabulary_size
        self.device = device

    def bare(self) -> ServableLaw:
        """Return a law that never answers."""
        return NoLaw(maximum_tokens=self._maximum_tokens, device=self.device)

    def prepare(self, bundle: OpenedBundle) -> ServableLaw:
        """Return the law with an offset; see `ServedBase`."""
        halves = PlainLaw(bundle.unlearned), PlainLaw(bundle.reference)
        pair = fuse(bundle.unlearned, bundle.reference)
        law = partial(
            RemoteOffset,
            self._ask,
            pair=pair.rows
            if pair
            else partial(SeparatePair, bundle.unlearned, bundle.reference),
            alpha=bundle.manifest.alpha,
            maximum_tokens=min(
                self._maximum_tokens, *(half.maximum_tokens for half in halves)
            ),
            device=self.device,
        )
        # What is refused for its bound cannot be compared, so nothing is here.
        probe(
            law(largest_excluded=1.0),
            plain=_Alone(self._ask, pair=halves, alpha=bundle.manifest.alpha),
            base=_Alone(self._ask, pair=halves, alpha=0.0),
            tokenizer=self.tokenizer,
        )
        return law(largest_excluded=self._largest_excluded)

    def close(self) -> None:
        """Give the connections back; see `ServedBase`."""
        self._close()


class _Alone:
    """The law of a base elsewhere and a pair after whole texts, without any rows."""

    def __init__(
        self, ask: Ask, *, pair: tuple[PlainLaw, PlainLaw], alpha: float
    ) -> None:
        self._ask = ask
        self._pair = pair
        self._alpha = alpha
        self.device = pair[0].device
        self.maximum_tokens = min(half.maximum_tokens for half in pair)

    def new_caches(self) -> tuple[Cache, ...]:
        """Return that there are none."""
        return ()

    def __call__(
        self,
        input_ids_BT: Tensor,
        *,
        attention_mask_BS: Tensor,
        position_ids_BT: Tensor | None = None,
        caches: tuple[Cache, ...] | None = None,
        first: int = 0,
    ) -> Tensor:
        """Return log-probabilities after the last token, ``[B, 1, V]``."""
        del position_ids_BT, caches, first
        unlearned, reference = (
            half(input_ids_BT, attention_mask_BS=attention_mask_BS, first=-1)
            for half in self._pair
        )
        told_BTV = self._ask(input_ids_BT.tolist())[:, None].to(self.device)
        return compose_restricted(
            told_BTV, unlearned - reference, alpha=self._alpha, largest_excluded=1.0
        )
