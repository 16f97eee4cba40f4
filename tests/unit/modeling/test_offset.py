import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.models import CPU, llama, llama_config
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.errors import IncompatibleBaseError
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.offset import (
    OffsetModel,
    add_unlearned,
    compose_log_probs,
    fixed_part,
)

IDS = torch.tensor([[5, 9, 200, 31], [17, 4, 4, 90]])
MASK = torch.ones_like(IDS)


def ensemble(
    alpha: float, *, base: PreTrainedModel | None = None, same: bool = False
) -> OffsetModel:
    return OffsetModel(
        base or llama(0),
        unlearned=llama(1 if same else 2),
        reference=llama(1),
        alpha=alpha,
    )


def laws(*rows: list[float]) -> list[Tensor]:
    return [torch.tensor(row).log() for row in rows]


def test_the_offset_multiplies_the_base_by_a_power_of_the_ratio() -> None:
    """By hand: 1/2 (1/4 / 1/2)^2 : 1/4 (1/2 / 1/4)^2 : 1/4 (1)^2 = 1/8 : 1 : 1/4."""
    base, unlearned, reference = laws(
        [0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.5, 0.25, 0.25]
    )
    served = compose_log_probs(base, unlearned, reference, alpha=2.0).exp()
    torch.testing.assert_close(served, torch.tensor([1 / 11, 8 / 11, 2 / 11]))


@pytest.mark.parametrize("alpha", [0.5, 1.0, 3.0])
def test_the_fixed_part_may_be_computed_before(alpha: float) -> None:
    """Logits will do: any constant of a row is normalised away."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 9, generator=generator)
    base, unlearned, reference = torch.log_softmax(logits, dim=-1)
    expected = compose_log_probs(base, unlearned, reference, alpha=alpha)
    fixed = fixed_part(base, reference, alpha=alpha)
    for law in (unlearned, unlearned + torch.tensor([[5.0], [-7.0], [0.0], [40.0]])):
        found = add_unlearned(fixed, law, alpha=alpha)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-5)


def test_alpha_zero_is_the_base_bit_for_bit() -> None:
    base, unlearned, reference = laws([0.3, 0.7], [0.9, 0.1], [0.2, 0.8])
    assert compose_log_probs(base, unlearned, reference, alpha=0.0) is base
    plain = PlainLaw(llama(0))(IDS, attention_mask_BS=MASK)
    assert torch.equal(ensemble(0.0)(IDS, attention_mask_BS=MASK), plain)


def test_equal_small_models_give_the_base() -> None:
    """Up to the rounding of one more normalisation in float32."""
    plain = PlainLaw(llama(0))(IDS, attention_mask_BS=MASK)
    served = ensemble(1.0, same=True)(IDS, attention_mask_BS=MASK)
    torch.testing.assert_close(served, plain, rtol=0, atol=2e-6)
    assert torch.equal(served.argmax(-1), plain.argmax(-1))


_logits = st.lists(st.floats(-50, 50), min_size=5, max_size=5)


@given(_logits, _logits, _logits, st.floats(0, 4))
def test_a_composed_law_is_normalised(
    base: list[float], unlearned: list[float], reference: list[float], alpha: float
) -> None:
    parts = [torch.tensor(row).log_softmax(-1) for row in (base, unlearned, reference)]
    served = compose_log_probs(*parts, alpha=alpha)
    assert float(served.exp().sum()) == pytest.approx(1, abs=1e-5)
    assert bool((served <= 1e-6).all())


@given(_logits, _logits, _logits, st.floats(-5, 5))
def test_a_constant_added_to_raw_logits_changes_nothing(
    base: list[float], unlearned: list[float], reference: list[float], constant: float
) -> None:
    """Composed as log-probabilities; raw logits would need a common zero."""
    rows = [
        torch.tensor(row, dtype=torch.float64) for row in (base, unlearned, reference)
    ]
    moved = [rows[0] + constant, rows[1] - 2 * constant, rows[2] + 3 * constant]
    first, second = (
        compose_log_probs(*(row.log_softmax(-1) for row in item), alpha=1.5)
        for item in (rows, moved)
    )
    torch.testing.assert_close(first, second)


def test_the_ensemble_is_the_formula_over_three_models() -> None:
    base, unlearned, reference = (
        PlainLaw(llama(seed))(IDS, attention_mask_BS=MASK) for seed in (0, 2, 1)
    )
    expected = torch.log_softmax(base + 0.7 * (unlearned - reference), dim=-1)
    assert torch.equal(ensemble(0.7)(IDS, attention_mask_BS=MASK), expected)


def test_a_nan_in_the_pair_reaches_the_served_law_and_is_never_hidden() -> None:
    base, good = laws([0.5, 0.5], [0.4, 0.6])
    bad = torch.tensor([math.nan, 0.0])
    assert bool(compose_log_probs(base, bad, good, alpha=1.0).isnan().all())
    assert bool(compose_log_probs(base, good, bad, alpha=1.0).isnan().all())


@pytest.mark.parametrize(
    "law", [PlainLaw(llama(0)), ensemble(1.0)], ids=["plain", "offset"]
)
def test_a_law_with_caches_equals_the_law_without(law: NextTokenLaw) -> None:
    whole = law(IDS, attention_mask_BS=MASK)
    caches = law.new_caches()
    first = law(IDS[:, :3], attention_mask_BS=MASK[:, :3], caches=caches)
    last = law(
        IDS[:, 3:],
        attention_mask_BS=MASK,
        position_ids_BT=torch.tensor([[3], [3]]),
        caches=caches,
        first=-1,
    )
    torch.testing.assert_close(
        torch.cat([first, last], dim=1), whole, rtol=0, atol=5e-5
    )
    assert last.shape == (2, 1, 272)


def test_each_model_has_its_own_cache() -> None:
    law = ensemble(1.0)
    assert len({id(cache) for cache in law.new_caches()}) == 3


def test_another_vocabulary_is_refused() -> None:
    other = llama(0, llama_config(vocabulary=99))
    with pytest.raises(IncompatibleBaseError, match="vocabulary"):
        ensemble(1.0, base=other)


def test_the_shortest_context_counts() -> None:
    short = OffsetModel(
        llama(0),
        unlearned=llama(1, llama_config(context=32)),
        reference=llama(2, llama_config(context=48)),
        alpha=1.0,
    )
    assert short.maximum_tokens == 32
    assert short.device == CPU


def test_the_base_gets_no_gradient() -> None:
    base, reference, trained = llama(0), llama(1), llama(1)
    trained.requires_grad_(requires_grad=True)
    law = OffsetModel(base, unlearned=trained, reference=reference, alpha=1.0)
    law(IDS, attention_mask_BS=MASK)[..., 3].sum().backward()  # type: ignore[no-untyped-call]  # untyped upstream
    assert all(
        item.grad is None for item in [*base.parameters(), *reference.parameters()]
    )
    assert all(item.grad is not None for item in trained.parameters())
