import math
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save as save_safetensors
from support.domain import datasets
from support.models import llama, llama_config, token_rows
from support.runs import FORGET, SMALL, Kept, run, table
from support.schemes import task
from torch import Tensor

from unlearn_core.errors import EmptyForgetSetError
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.tokens import TokenizedExample, encode_example
from unlearn_core.modeling.weights import own_tensors_digest
from unlearn_core.training import loop
from unlearn_core.training.consolidation import (
    Hold,
    Importance,
    ImportanceInvalidError,
    added,
    importance_of,
    pack_importance,
    unpack_importance,
)
from unlearn_core.training.schemes.base import OffsetPair, importance_after
from unlearn_core.training.targets import answer_laws, build_table

HELD = replace(SMALL, hold_weight=1e4)
ONES = {name: torch.ones_like(item) for name, item in llama(1).named_parameters()}


def mean_log_probability(
    row: TokenizedExample, name: str, place: tuple[int, int], by: float
) -> float:
    """Return that of the true answer under the served law, one weight moved."""
    moved = llama(2)
    moved.get_parameter(name)[place] += by
    law = OffsetModel(llama(0), unlearned=moved, reference=llama(1), alpha=0.5)
    laws_NV = answer_laws(law, [row], pad_id=0)
    return float(laws_NV.gather(-1, torch.tensor(row.answer)[:, None]).mean())


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("lm_head.weight", (42, 3)),
        ("model.layers.1.mlp.down_proj.weight", (2, 5)),
        ("model.embed_tokens.weight", (9, 1)),
    ],
)
def test_importance_is_the_mean_of_squared_slopes_of_the_true_answers(
    name: str, place: tuple[int, int]
) -> None:
    """Computed a second way: by moving the weight a little either way."""
    found = importance_of(llama(2), table(FORGET), alpha=0.5, pad_id=0)
    step = 5e-3
    slopes = [
        (
            mean_log_probability(row, name, place, step)
            - mean_log_probability(row, name, place, -step)
        )
        / (2 * step)
        for row in FORGET
    ]
    expected = sum(slope**2 for slope in slopes) / len(FORGET)
    assert expected > 0
    assert float(found[name][place]) == pytest.approx(expected, rel=0.03)


def test_opposite_slopes_do_not_cancel() -> None:
    """After the same prompt, what makes one token likelier makes the other less so."""
    one, other = token_rows(((5, 6), (40,)), ((5, 6), (41,)))
    both, *alone = (
        importance_of(llama(2), table(rows), alpha=1.0, pad_id=0)
        for rows in ([one, other], [one], [other])
    )
    for name, found in both.items():
        torch.testing.assert_close(found, (alone[0][name] + alone[1][name]) / 2)


def test_a_model_is_left_as_it_is() -> None:
    model = llama(2)
    before = own_tensors_digest(model)
    importance_of(model, table(FORGET), alpha=1.0, pad_id=0)
    assert own_tensors_digest(model) == before
    assert not any(item.requires_grad for item in model.parameters())


def test_tied_weights_are_counted_once() -> None:
    model = llama(2, llama_config(tied=True))
    found = importance_of(model, table(FORGET), alpha=1.0, pad_id=0)
    assert set(found) == set(dict(model.named_parameters()))
    assert "lm_head.weight" not in found


def test_nothing_to_forget_has_no_importance() -> None:
    with pytest.raises(EmptyForgetSetError):
        importance_of(llama(2), table([]), alpha=1.0, pad_id=0)


def test_requests_add_up() -> None:
    earlier, own = {"a": torch.tensor([1.0, 2.0])}, {"a": torch.tensor([0.5, 3.0])}
    torch.testing.assert_close(added(earlier, own)["a"], torch.tensor([1.5, 5.0]))
    assert added(None, own) == own
    torch.testing.assert_close(earlier["a"], torch.tensor([1.0, 2.0]))


@pytest.mark.parametrize(
    "earlier", [{"a": torch.ones(3)}, {"b": torch.ones(2)}, {}], ids=str
)
def test_what_was_held_of_another_shape_of_model_is_lost(earlier: Importance) -> None:
    own = {"a": torch.tensor([0.5, 3.0])}
    assert added(earlier, own) == own


def test_the_penalty_is_half_the_weight_times_importance_times_squared_change() -> None:
    """4 / 2 x (2 x 0.5^2 + 3 x 1^2) = 7, and its slopes are 4 x 2 x 0.5, 4 x 3."""
    before, now = llama(1), llama(1)
    name = "lm_head.weight"
    importance = {key: torch.zeros_like(item) for key, item in ONES.items()}
    importance[name][0, 0], importance[name][1, 2] = 2.0, 3.0
    now.get_parameter(name)[0, 0] += 0.5
    now.get_parameter(name)[1, 2] -= 1.0
    now.get_parameter(name)[5, 5] += 9.0
    now.requires_grad_(requires_grad=True)
    penalty = Hold(importance=importance, weight=4.0).penalty(now, before=before)
    assert penalty.item() == pytest.approx(7.0, rel=1e-5)
    (slope,) = torch.autograd.grad(penalty, now.get_parameter(name))
    assert (float(slope[0, 0]), float(slope[1, 2])) == pytest.approx((4.0, -12.0), 1e-5)
    assert float(slope[5, 5]) == 0


def test_frozen_weights_have_no_part_in_the_penalty() -> None:
    before, now = llama(1), llama(1)
    for item in now.parameters():
        item.add_(1.0)
    now.get_parameter("model.norm.weight").requires_grad = True
    penalty = Hold(importance=ONES, weight=2.0).penalty(now, before=before)
    # Eight weights of one layer norm, each moved by one.
    assert penalty.item() == pytest.approx(8.0)


def distance(importance: Importance | None, hold_weight: float) -> float:
    """Return how far a training goes, as its penalty would count it."""
    start = llama(1)
    model = run(replace(HELD, hold_weight=hold_weight), importance=importance).model
    moved = [
        (now - origin).square().sum()
        for now, origin in zip(model.parameters(), start.parameters(), strict=True)
    ]
    return float(torch.stack(moved).sum())


@pytest.mark.integration
def test_a_training_stays_nearer_to_its_start_the_more_is_held() -> None:
    free = distance(None, 1e4)
    assert distance(ONES, 0.0) == free
    assert distance({name: 0 * item for name, item in ONES.items()}, 1e4) == free
    assert distance(ONES, 1e4) < free / 2


@pytest.mark.integration
def test_a_resumed_run_holds_to_the_start_of_the_unbroken_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_STEPS", 2)
    checkpoints = Kept()
    with pytest.raises(KeyboardInterrupt):
        run(HELD, importance=ONES, checkpoints=checkpoints, stop_after=5)
    resumed = run(HELD, importance=ONES, checkpoints=checkpoints)
    assert resumed.progress[0].step == 5
    assert resumed.digest == run(HELD, importance=ONES).digest
    assert resumed.digest != run(SMALL).digest


def test_a_pair_is_weighed_for_its_own_forget_set_and_those_before() -> None:
    given = task(SMALL)
    pair = OffsetPair(unlearned=llama(2), reference=llama(3), alpha=0.5)
    tokenizer = given.materials.tokenizer
    encoded = [encode_example(tokenizer, item) for item in datasets().forget.examples]
    expected = importance_of(
        llama(2),
        build_table(
            encoded,
            base=PlainLaw(given.materials.base),
            reference=PlainLaw(llama(3)),
            target_NV=None,
            pad_id=tokenizer.pad_id,
        ),
        alpha=0.5,
        pad_id=tokenizer.pad_id,
    )
    own = importance_after(datasets(), pair, materials=given.materials)
    materials = replace(given.materials, importance=ONES)
    both = importance_after(datasets(), pair, materials=materials)
    for name, item in expected.items():
        torch.testing.assert_close(own[name], item)
        torch.testing.assert_close(both[name], item + 1)


def test_bytes_give_back_what_went_in() -> None:
    importance = importance_of(llama(2), table(FORGET), alpha=1.0, pad_id=0)
    data = pack_importance(importance)
    found = unpack_importance(data, model=llama(1))
    assert set(found) == set(importance)
    assert all(torch.equal(found[name], importance[name]) for name in importance)
    assert pack_importance(found) == data


WITHOUT_ONE = {key: item for key, item in ONES.items() if key != "model.norm.weight"}


@pytest.mark.parametrize(
    ("tensors", "problem"),
    [
        (WITHOUT_ONE, "shapes"),
        (ONES | {"more": torch.ones(1)}, "shapes"),
        (ONES | {"model.norm.weight": torch.ones(9)}, "shapes"),
        (ONES | {"model.norm.weight": torch.full((8,), math.nan)}, "mean of squares"),
        (ONES | {"model.norm.weight": torch.full((8,), math.inf)}, "mean of squares"),
        (ONES | {"model.norm.weight": torch.full((8,), -1e-9)}, "mean of squares"),
        (ONES | {"model.norm.weight": torch.ones(8).long()}, "mean of squares"),
    ],
)
def test_bytes_of_something_else_are_refused(
    tensors: dict[str, Tensor], problem: str
) -> None:
    with pytest.raises(ImportanceInvalidError, match=problem):
        unpack_importance(save_safetensors(tensors), model=llama(1))


def test_bytes_that_are_no_safetensors_are_refused() -> None:
    with pytest.raises(ImportanceInvalidError, match="file"):
        unpack_importance(b"{}", model=llama(1))
