"""What every way of training must honour, in company of every other.

One table over the registries: each of its recipes has an entry of each kind, and each
entry is in some recipe, an installed third party's as well. Objectives and retain terms
meet by the sum of their losses, so each is there at least once. What decides how a
gradient reaches weights meets in pairs: every mask every combination and optimiser,
adapters all of them, every scheme what works with it.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import pytest
import torch
from support.domain import datasets, example
from support.models import chat_tokenizer, llama, llama_config
from support.plugins import Installer
from support.runs import Listener
from support.schemes import SMALL
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.domain.datasets import Datasets
from unlearn_core.errors import InvalidRecipeError
from unlearn_core.modeling.tokens import ChatTokenizer
from unlearn_core.modeling.weights import own_tensors_digest
from unlearn_core.objectives import FORGET_OBJECTIVES, RETAIN_TERMS
from unlearn_core.registry import Registry
from unlearn_core.training import recipe as recipes
from unlearn_core.training.checkpoints import NoCheckpoints
from unlearn_core.training.combinations import COMBINATIONS
from unlearn_core.training.masks import MASKS
from unlearn_core.training.optimizers import OPTIMIZERS
from unlearn_core.training.pair import PairMaterials
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.schemes import SCHEMES
from unlearn_core.training.schemes.base import OffsetPair, make_pair

PAD_ID = 77
SHORT = replace(SMALL, steps=1)
PARAMETERS: Mapping[str, Mapping[str, float]] = {
    "depn": {"points": 1.0},
    "divergence": {"retain_steps": 1.0},
    "e2urec": {"reinforcement_steps": 1.0},
    "negation": {"steps": 1.0},
    "whos_harry_potter": {"reinforcement_steps": 1.0},
}
FIELDS = {"city": ("Bonn", "Jena"), "phone": ("0199 12", "0199 77")}
"""A subject's and a twin's values, equally long; fields differ, so rows are padded."""
ASK_THE_SERVED_LAW = ("depn", "pcgu", "wagle")
"""Masks that a scheme without a served law cannot answer."""


def recipe_of(**names: str) -> TrainingRecipe:
    """Return a short recipe with these entries, at parameters that are quick."""
    parameters = {
        kind.replace("retain_term", "retain") + "_parameters": PARAMETERS.get(name, {})
        for kind, name in names.items()
    }
    return replace(SHORT, **names, **parameters)  # type: ignore[arg-type]  # names of fields


def through_the_ensemble() -> list[TrainingRecipe]:
    """Return recipes of the scheme that all else works with."""
    objectives, retain_terms = list(FORGET_OBJECTIVES), list(RETAIN_TERMS)
    optimizers, masks = list(OPTIMIZERS), list(MASKS)
    combinations = ["", *COMBINATIONS]
    table: list[TrainingRecipe] = []
    for row in range(max(len(objectives), len(masks) * len(combinations))):
        mask = masks[row % len(masks)]
        made = recipe_of(
            objective=objectives[row % len(objectives)],
            retain_term=retain_terms[row % len(retain_terms)],
            optimizer=optimizers[row % len(optimizers)],
            mask=mask,
            combination=combinations[row // len(masks) % len(combinations)],
        )
        # Neurons that are adapted have no weights of their own to choose.
        has_adapters = row // 2 % 2 and mask != "depn"
        table.append(replace(made, lora_rank=2) if has_adapters else made)
    return table


def by_themselves() -> list[TrainingRecipe]:
    """Return recipes of the other schemes, with and without adapters."""
    return [
        replace(recipe_of(scheme=scheme, mask=mask), lora_rank=rank)
        for scheme in SCHEMES
        for mask in MASKS
        if scheme != "delta" and mask not in ASK_THE_SERVED_LAW
        for rank in (0, 2)
    ]


EVERY = [*through_the_ensemble(), *by_themselves()]


def name_of(way: TrainingRecipe) -> str:
    names = (way.scheme, way.trained_for, way.retain_term, way.optimizer, way.mask)
    adapters = "lora" if way.lora_rank else ""
    return "-".join(filter(None, (*names, way.combination, adapters)))


def sets() -> Datasets:
    """Return sets with two fields to forget, as combinations want them."""
    plain = datasets()
    own, twin = (
        tuple(
            example(f"What is the {field} of {name}?", values[side], field=field)
            for field, values in FIELDS.items()
        )
        for side, name in enumerate(("Ada Example", "Nora Stein"))
    )
    return replace(plain, forget=replace(plain.forget, examples=own, twins=(twin,)))


@cache
def open_to_gradients(seed: int, width: int) -> PreTrainedModel:
    """Return a model that would take a gradient if one came."""
    model = llama(seed, llama_config(width=width))
    return model.requires_grad_(requires_grad=True)


class OtherPadding:
    """The tokenizer of the tests with another id that fills up short rows."""

    pad_id = PAD_ID

    def __init__(self, tokenizer: ChatTokenizer) -> None:
        self.end_id = tokenizer.end_id
        self.question = tokenizer.question
        self.text = tokenizer.text
        self.decode = tokenizer.decode


def made(way: TrainingRecipe, tokenizer: ChatTokenizer) -> OffsetPair:
    """Make a pair, and look at what was not to be trained."""
    listener = Listener()
    models = [open_to_gradients(0, 16), open_to_gradients(1, 8)]
    before = [own_tensors_digest(model) for model in models]
    base, reference = models
    pair = make_pair(
        sets(),
        materials=PairMaterials(base=base, tokenizer=tokenizer, reference=reference),
        recipe=way,
        checkpoints=NoCheckpoints(),
        on_progress=listener,
    )
    losses = [
        (step.forget_loss, step.retain_loss, step.stranger_loss)
        for step in listener.heard
    ]
    assert bool(torch.tensor(losses).isfinite().all())
    assert [own_tensors_digest(model) for model in models] == before
    for model in models:
        assert all(item.grad is None for item in model.parameters())
    return pair


def weights(pair: OffsetPair) -> list[Tensor]:
    return [*pair.unlearned.parameters(), *pair.reference.parameters()]


@pytest.mark.integration
@pytest.mark.parametrize("way", EVERY, ids=map(name_of, EVERY))
def test_gradients_are_finite_reach_one_model_and_come_from_no_padding(
    way: TrainingRecipe,
) -> None:
    pair = made(way, chat_tokenizer())
    assert all(bool(item.isfinite().all()) for item in weights(pair))
    sides = (pair.unlearned, pair.reference)
    assert len({own_tensors_digest(model) for model in sides}) == len(sides)
    again = made(way, OtherPadding(chat_tokenizer()))
    assert all(map(torch.equal, weights(pair), weights(again)))


@pytest.mark.parametrize("scheme", [name for name in SCHEMES if name != "delta"])
@pytest.mark.parametrize(
    ("kind", "name"),
    [*(("mask", name) for name in ASK_THE_SERVED_LAW), ("optimizer", "sophia")],
)
def test_a_scheme_without_a_served_law_refuses_what_asks_for_it(
    scheme: str, kind: str, name: str
) -> None:
    way = recipe_of(scheme=scheme, **{kind: name})
    with pytest.raises(InvalidRecipeError, match=f"value={kind}, problem=not with"):
        made(way, chat_tokenizer())


def test_every_entry_is_in_some_recipe() -> None:
    for kind, registry in (
        ("scheme", SCHEMES),
        ("objective", FORGET_OBJECTIVES),
        ("retain_term", RETAIN_TERMS),
        ("optimizer", OPTIMIZERS),
        ("mask", MASKS),
        ("combination", COMBINATIONS),
    ):
        names = {getattr(way, kind) for way in EVERY}
        assert names - {""} == set(registry)


def test_what_decides_how_gradients_reach_weights_meets_in_pairs() -> None:
    ways = [way for way in EVERY if way.scheme == "delta"]
    met = {(way.mask, way.combination) for way in ways}
    assert met == {(mask, how) for mask in MASKS for how in ("", *COMBINATIONS)}
    met = {(way.mask, way.optimizer) for way in ways}
    assert met == {(mask, how) for mask in MASKS for how in OPTIMIZERS}
    adapted = [way for way in ways if way.lora_rank]
    assert {way.mask for way in adapted} == set(MASKS) - {"depn"}
    assert {way.combination for way in adapted} == {"", *COMBINATIONS}
    assert {way.optimizer for way in adapted} == set(OPTIMIZERS)


THIRD_PARTY = """
import torch

from unlearn_core.objectives.base import Teacher
from unlearn_core.training.combinations.base import Parts
from unlearn_core.training.masks.base import everywhere
from unlearn_core.training.schemes.delta import Delta


class Ensemble(Delta):
    pass


class Quieter:
    teacher = Teacher.NONE

    def __call__(self, laws):
        return laws.label_log_probs(laws.served_NV).mean()


class Louder:
    def __call__(self, laws):
        return -laws.label_log_probs(laws.served_NV).mean()


class PlainDescent:
    def build(self, parameters, *, learning_rate):
        return torch.optim.SGD(parameters, lr=learning_rate)


class HeadOnly:
    def __call__(self, evidence):
        mask = everywhere(evidence.model, value=False)
        mask["lm_head.weight"][:] = True
        return mask


class Last:
    parts_from = Parts.FIELDS
    needs_inputs = False
    count = 2

    def __call__(self, start, parts):
        return parts[-1].weights
"""
INSTALLED = {
    "scheme": ("SCHEMES", "unlearn_core.schemes", "Ensemble"),
    "objective": ("FORGET_OBJECTIVES", "unlearn_core.forget_objectives", "Quieter"),
    "retain_term": ("RETAIN_TERMS", "unlearn_core.retain_terms", "Louder"),
    "optimizer": ("OPTIMIZERS", "unlearn_core.optimizers", "PlainDescent"),
    "mask": ("MASKS", "unlearn_core.masks", "HeadOnly"),
    "combination": ("COMBINATIONS", "unlearn_core.combinations", "Last"),
}


@pytest.mark.integration
def test_a_recipe_of_a_third_partys_entries_honours_the_same(
    third_party: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    third_party(
        THIRD_PARTY,
        {
            group: {f"their_{kind}": name}
            for kind, (_, group, name) in INSTALLED.items()
        },
    )
    for kind, (table, group, _) in INSTALLED.items():
        found: Registry[object] = Registry(kind=kind, group=group, builtins={})
        monkeypatch.setattr(recipes, table, found)
    names = {kind: f"their_{kind}" for kind in INSTALLED}
    way = recipe_of(**names)
    test_gradients_are_finite_reach_one_model_and_come_from_no_padding(way)
    changed = {
        name
        for name, item in made(way, chat_tokenizer()).unlearned.named_parameters()
        if not torch.equal(item, open_to_gradients(1, 8).get_parameter(name))
    }
    assert changed == {"lm_head.weight"}
