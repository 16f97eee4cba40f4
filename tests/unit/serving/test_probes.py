import pytest
import torch
from support.serving import byte_tokenizer, language_model, offset_law, tiny_model
from torch import Tensor
from transformers import Cache

from unlearn_core.errors import ManifestInvalidError
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.offset import FusedOffsetModel, OffsetModel
from unlearn_core.serving.probes import probe

BASE = PlainLaw(language_model().model)


class Spoiled(PlainLaw):
    """A law with one fault.

    Attributes:
        fault: What is added to every log-probability.
    """

    fault = 0.0

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
        return laws_BTV + self.fault


def spoiled(fault: float) -> Spoiled:
    law = Spoiled(tiny_model(9))
    law.fault = fault
    return law


def tried(law: PlainLaw | OffsetModel, *, plain: NextTokenLaw | None = None) -> None:
    probe(law, plain=plain or law, base=BASE, tokenizer=byte_tokenizer())


def test_a_sound_version_passes() -> None:
    tried(offset_law(1))


def test_a_fused_version_is_compared_with_its_separate_models() -> None:
    plain = offset_law(1)
    law = plain.fused()
    assert isinstance(law, FusedOffsetModel)
    probe(law, plain=plain, base=BASE, tokenizer=byte_tokenizer())
    with pytest.raises(ManifestInvalidError, match="decoding gives another law"):
        probe(law, plain=offset_law(2), base=BASE, tokenizer=byte_tokenizer())


@pytest.mark.parametrize(
    ("law", "problem"),
    [
        (spoiled(float("nan")), "the law is not finite"),
        (spoiled(float("-inf")), "the law is not finite"),
        (spoiled(0.1), "the probabilities do not add up to one"),
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
    ids=["nan", "-inf", "sum", "base", "alpha 0"],
)
def test_a_version_that_does_not_work_here_is_refused(
    law: PlainLaw | OffsetModel, problem: str
) -> None:
    with pytest.raises(ManifestInvalidError, match=problem):
        tried(law)


@pytest.mark.parametrize("seed", [8, 9])
def test_decoding_that_gives_another_law_is_refused(seed: int) -> None:
    """Its keys and values, say, are not those of the text."""
    other = tiny_model(8)
    if seed == 9:
        other.get_parameter("model.norm.weight").fill_(float("nan"))
    with pytest.raises(ManifestInvalidError, match="decoding gives another law"):
        tried(PlainLaw(other), plain=PlainLaw(tiny_model(9)))


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
        tried(law)


def test_decoding_without_the_offset_is_refused_however_little_that_changes() -> None:
    """A law so near to the base that the comparison of decoding would let it pass."""
    law = OffsetModel(
        language_model().model,
        unlearned=tiny_model(101),
        reference=tiny_model(2),
        alpha=1e-3,
    )
    tried(law)
    with pytest.raises(ManifestInvalidError, match="changes nothing"):
        tried(BASE, plain=law)


def test_probes_fit_into_a_short_context() -> None:
    tried(offset_law(1, context=16))
