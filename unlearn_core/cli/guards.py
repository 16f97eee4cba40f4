"""Asks public questions of the base alone and of a version of the offset."""

from dataclasses import dataclass
from pathlib import Path

from unlearn_core.metrics.base import GuardResult
from unlearn_core.modeling.bundles import open_bundle
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.ports import EnvelopeOpener, PairSealer
from unlearn_core.settings import ModelSettings
from unlearn_core.steps.workbench import ModelShelf
from unlearn_core.verification.public_questions import (
    PublicQuestions,
    ask_public_questions,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """What the guards found of one version.

    Attributes:
        sequence: Sequence of the version.
        results: One for each guard.
    """

    sequence: int
    results: tuple[GuardResult, ...]


def ask_guards(
    public: PublicQuestions,
    *,
    bundle: Path,
    model: ModelSettings,
    opener: EnvelopeOpener,
    sealer: PairSealer,
    confidence: float,
) -> Guarded:
    """Check a bundle, then put public questions to the base and to what it serves.

    Args:
        public: What is asked.
        bundle: Folder of the version.
        model: Where the base is.
        opener: Checks signatures.
        sealer: Unseals the pair.
        confidence: Level of the intervals.

    Raises:
        IntegrityError: The bundle fails a check.
        ModelUnavailableError: The base cannot be loaded.
    """
    shelf = _shelf(model)
    opened = open_bundle(
        bundle,
        base_model=model.name,
        identity=shelf.identity,
        vocabulary_size=shelf.base.config.vocab_size,
        opener=opener,
        sealer=sealer,
        device=shelf.device,
    )
    served = OffsetModel(
        shelf.base,
        unlearned=opened.unlearned,
        reference=opened.reference,
        alpha=opened.manifest.alpha,
    )
    return Guarded(
        sequence=opened.manifest.sequence,
        results=ask_public_questions(
            public,
            laws=(PlainLaw(shelf.base), served),
            tokenizer=shelf.tokenizer,
            confidence=confidence,
        ),
    )


def _shelf(model: ModelSettings) -> ModelShelf:
    return ModelShelf(
        base=model.base,
        reference=model.reference,
        device=model.device,
        precision=model.precision,
        offload=model.offload,
    )
