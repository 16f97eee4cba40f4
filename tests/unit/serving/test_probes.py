import pytest
import torch
from support.serving import byte_tokenizer, language_model, offset_law, tiny_model
from torch import Tensor
from transformers import Cache

from unlearn_core.errors import ManifestInvalidError
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.serving.probes import probe

BASE = PlainLaw(language_model().model)


class Spoiled(PlainLaw):
    """A law with one fault.

    Attributes:
        fault: What is added to every log-probability.
        only_cached: Whether the fault shows in cached decoding only.
    """

    fault = 0.0
    only_cached = False

    def __call__(
        self,
        input_ids_BT: Tensor,
        *,
        attention_mask_BS: Tensor,
        position_ids_BT: Tensor | None = None,
        caches: tuple[Cache, ...] | None = None,
        first: int = 0,
    ) -> Tensor:
        """Return the law with its fault."""
        laws_BTV = super().__call__(
            input_ids_BT,
            attention_mask_BS=attention_mask_BS,
            position_ids_BT=position_ids_BT,
            caches=caches,
            first=first,
        )
        return laws_BTV if self.only_cached and not caches else laws_BTV + self.fault


def spoiled(fault: float, *, only_cached: bool = False) -> Spoiled:
    law = Spoiled(tiny_model(9))
    law.fault, law.only_cached = fault, only_cached
    return law


def test_a_sound_version_passes() -> None:
    probe(offset_law(1), base=BASE, tokenizer=byte_tokenizer())


@pytest.mark.parametrize(
    ("law", "problem"),
    [
        (spoiled(float("nan")), "the law is not finite"),
        (spoiled(float("-inf")), "the law is not finite"),
        (spoiled(0.1), "the probabilities do not add up to one"),
        (spoiled(0.1, only_cached=True), "decoding gives another law"),
        (spoiled(float("nan"), only_cached=True), "decoding gives another law"),
        (BASE, "the offset changes nothing"),
        (
            OffsetModel(
                language_model().model,
                unlearned=tiny_model(101),
                reference=tiny_model(2),
                alpha=0.0,
            ),
            "the offset changes nothing",
        ),
    ],
    ids=["nan", "-inf", "sum", "cached", "cached nan", "base", "alpha 0"],
)
def test_a_version_that_does_not_work_here_is_refused(
    law: PlainLaw | OffsetModel, problem: str
) -> None:
    with pytest.raises(ManifestInvalidError, match=problem):
        probe(law, base=BASE, tokenizer=byte_tokenizer())


def test_a_pair_of_equals_is_no_offset_but_for_rounding() -> None:
    """Equal models cancel; log-softmax of a law changes it by rounding at most."""
    law = OffsetModel(
        language_model().model,
        unlearned=tiny_model(2),
        reference=tiny_model(2),
        alpha=1.0,
    )
    ids_BT = torch.tensor([[5, 6, 7]])
    mask_BS = torch.ones_like(ids_BT)
    shift = law(ids_BT, attention_mask_BS=mask_BS) - BASE(
        ids_BT, attention_mask_BS=mask_BS
    )
    assert float(shift.abs().max()) < 1e-5
    with pytest.raises(ManifestInvalidError, match="changes nothing"):
        probe(law, base=BASE, tokenizer=byte_tokenizer())


def test_probes_fit_into_a_short_context() -> None:
    probe(offset_law(1, context=16), base=BASE, tokenizer=byte_tokenizer())
