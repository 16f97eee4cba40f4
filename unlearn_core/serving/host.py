"""What a watcher has to know of the base model, and how it gets a version to run."""

from typing import Protocol, TypeVar

import torch

from unlearn_core.domain.artifacts import ModelIdentity
from unlearn_core.modeling.bundles import OpenedBundle
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.rows import ServableLaw
from unlearn_core.modeling.weights import LanguageModel
from unlearn_core.serving.probes import probe

Prepared_co = TypeVar("Prepared_co", covariant=True)


class Host(Protocol[Prepared_co]):
    """A base model that is served by some engine."""

    @property
    def identity(self) -> ModelIdentity:
        """Return the digests that a pair has to fit."""
        ...

    @property
    def vocabulary_size(self) -> int:
        """Return the number of tokens."""
        ...

    @property
    def device(self) -> torch.device:
        """Return where a pair shall run."""
        ...

    def prepare(self, bundle: OpenedBundle) -> Prepared_co:
        """Load a checked pair beside the base, warm it up and try it.

        Raises:
            IntegrityError: It does not work here.
        """
        ...


class BaseHost:
    """A base model of our own engine.

    Args:
        base: The base model.
    """

    def __init__(self, base: LanguageModel) -> None:
        self._base = base
        self.identity = base.identity
        self.vocabulary_size = int(base.model.config.vocab_size)
        self.device = torch.device(base.model.device)

    def prepare(self, bundle: OpenedBundle) -> ServableLaw:
        """Return the served law with the pair fused; the separate models are freed.

        Raises:
            ManifestInvalidError: A probe fails.
        """
        plain = OffsetModel(
            self._base.model,
            unlearned=bundle.unlearned,
            reference=bundle.reference,
            alpha=bundle.manifest.alpha,
        )
        law = plain.fused()
        probe(
            law,
            plain=plain,
            base=PlainLaw(self._base.model),
            tokenizer=self._base.tokenizer,
        )
        return law
