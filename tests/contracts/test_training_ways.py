"""What every registered optimiser and parameter mask must honour."""

from dataclasses import replace

import pytest
import torch
from support.models import llama
from support.plugins import Installer
from support.runs import FORGET, RETAIN, SMALL, TABLES, Kept, run
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.registry import Registry
from unlearn_core.training import loop, recipe
from unlearn_core.training.ensemble import EnsembleStepper
from unlearn_core.training.masks import MASKS
from unlearn_core.training.masks.base import MaskEvidence, ParameterMask
from unlearn_core.training.optimizers import OPTIMIZERS
from unlearn_core.training.optimizers.base import OptimizerRecipe
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.selection import choose_weights

pytestmark = pytest.mark.integration

SHORT = replace(SMALL, steps=4, warmup_steps=0, retain_batch=3)
SHARES = {"wagle": 0.8, "pcgu": 0.2, "depn": 0.2}
QUICK = {"depn": {"points": 1.0}}
WAYS = [
    *(replace(SHORT, optimizer=name) for name in OPTIMIZERS),
    *(
        replace(SHORT, mask=name, mask_parameters=QUICK.get(name, {}))
        for name in MASKS
        if name != "all"
    ),
]
every_way = pytest.mark.parametrize(
    "way", WAYS, ids=[f"{way.optimizer}-{way.mask}" for way in WAYS]
)


def mask_of(way: TrainingRecipe) -> dict[str, Tensor]:
    """Return the mask that a run of this recipe starts with."""
    model = llama(1)
    model.requires_grad_(requires_grad=True)
    stepper = EnsembleStepper(model, tables=TABLES, recipe=way, pad_id=0)
    asked: list[dict[str, Tensor]] = []

    def ask(evidence: MaskEvidence) -> dict[str, Tensor]:
        asked.append(dict(way.parameter_mask()(evidence)))
        return asked[0]

    choose_weights(model, stepper, ask)
    return asked[0]


def changes(model: PreTrainedModel) -> dict[str, Tensor]:
    """Return which weights of a trained model differ from those at the start."""
    before = dict(llama(1).named_parameters())
    return {name: item != before[name] for name, item in model.named_parameters()}


@every_way
def test_training_changes_what_the_mask_chooses_and_not_a_bit_more(
    way: TrainingRecipe,
) -> None:
    trained, mask = run(way).model, mask_of(way)
    assert all(bool(item.isfinite().all()) for item in trained.parameters())
    changed = changes(trained)
    assert any(bool(item.any()) for item in changed.values())
    assert not any(bool((item & ~mask[name]).any()) for name, item in changed.items())


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
def test_every_optimiser_leaves_alone_what_a_mask_leaves_out(optimizer: str) -> None:
    way = replace(
        SHORT, optimizer=optimizer, mask="wagle", mask_parameters={"share": 0.1}
    )
    mask = mask_of(way)
    for name, changed in changes(run(way).model).items():
        assert not bool((changed & ~mask[name]).any())


@every_way
def test_a_resumed_run_ends_as_an_unbroken_one(
    way: TrainingRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_STEPS", 1)
    if way.optimizer == "sophia":
        # The curvature is renewed before and after the interruption.
        way = replace(way, optimizer_parameters={"curvature_every": 2.0})
    checkpoints = Kept()
    with pytest.raises(KeyboardInterrupt):
        run(way, checkpoints=checkpoints, stop_after=3)
    assert run(way, checkpoints=checkpoints).digest == run(way).digest


@every_way
def test_the_id_of_padding_changes_nothing(way: TrainingRecipe) -> None:
    assert run(way, pad_id=0).digest == run(way, pad_id=77).digest


@pytest.mark.parametrize("name", sorted(SHARES))
def test_a_mask_chooses_as_much_as_it_was_asked_for(name: str) -> None:
    mask = mask_of(replace(SHORT, mask=name, mask_parameters=QUICK.get(name, {})))
    if name == "wagle":
        pieces = [item.flatten() for item in mask.values()]
    elif name == "pcgu":
        pieces = [item.reshape(len(item), -1)[:, 0] for item in mask.values()]
        pieces = [
            row if item.dim() > 1 else row[:1]
            for row, item in zip(pieces, mask.values(), strict=True)
        ]
    else:
        pieces = [item[:, 0] for key, item in mask.items() if "up_proj" in key]
    chosen = torch.cat(pieces)
    assert int(chosen.sum()) == round(SHARES[name] * len(chosen))


def test_a_mask_looks_at_every_answer_once() -> None:
    """At the start the served law is the base's, so its loss is known."""
    model = llama(1)
    stepper = EnsembleStepper(model, tables=TABLES, recipe=SHORT, pad_id=0)
    for retained, part, rows in (
        (False, TABLES.forget, FORGET),
        (True, TABLES.retain, RETAIN),
    ):
        losses = list(stepper.answer_losses(retained=retained))
        assert len(losses) == 2
        labels_N = torch.tensor([token for row in rows for token in row.answer])
        wanted = -part.base_NV.gather(-1, labels_N[:, None]).mean()
        torch.testing.assert_close(torch.stack(losses).sum(), wanted)


def test_tokens_drawn_from_the_law_cost_its_entropy() -> None:
    """The mean over many draws comes close; the same step draws the same."""
    stepper = EnsembleStepper(llama(1), tables=TABLES, recipe=SHORT, pad_id=0)
    drawn = [stepper.drawn_loss(step) for step in range(40)]
    again, positions = stepper.drawn_loss(3)
    assert float(again) == float(drawn[3][0])
    assert positions == drawn[3][1]
    base_NV = torch.cat([item.base_NV for item in (TABLES.forget, TABLES.retain)])
    entropy = -(base_NV.exp() * base_NV).sum(-1).mean()
    mean = torch.stack([loss for loss, _ in drawn]).mean()
    assert float(mean) == pytest.approx(float(entropy), rel=0.1)


OPTIMIZER = """
import torch


class PlainDescent:
    def build(self, parameters, *, learning_rate):
        return torch.optim.SGD(parameters, lr=learning_rate)
"""
MASK = """
from unlearn_core.training.masks.base import everywhere


class HeadOnly:
    def __call__(self, evidence):
        mask = everywhere(evidence.model, value=False)
        mask["lm_head.weight"][:] = True
        return mask
"""


def test_third_parties_can_register_an_optimiser_and_a_mask(
    third_party: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = ("unlearn_core.optimizers", "unlearn_core.masks")
    third_party(
        OPTIMIZER + MASK,
        {groups[0]: {"plain": "PlainDescent"}, groups[1]: {"head": "HeadOnly"}},
    )
    optimizers: Registry[type[OptimizerRecipe]] = Registry(
        kind="optimiser", group=groups[0], builtins={}
    )
    masks: Registry[type[ParameterMask]] = Registry(
        kind="parameter mask", group=groups[1], builtins={}
    )
    monkeypatch.setattr(recipe, "OPTIMIZERS", optimizers)
    monkeypatch.setattr(recipe, "MASKS", masks)
    changed = changes(run(replace(SHORT, optimizer="plain", mask="head")).model)
    assert {name for name, item in changed.items() if item.any()} == {"lm_head.weight"}
