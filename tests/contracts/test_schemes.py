"""What every registered scheme must honour."""

from dataclasses import replace
from functools import cache

import pytest
import torch
from support.models import CPU, llama, llama_config
from support.plugins import Installer
from support.runs import Listener
from support.schemes import SMALL, task

from unlearn_core.errors import InvalidRecipeError
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.weights import own_tensors_digest, pack_pair, unpack_pair
from unlearn_core.registry import Registry
from unlearn_core.training import recipe
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.schemes import SCHEMES
from unlearn_core.training.schemes.base import OffsetPair, Scheme, encoded_sets
from unlearn_core.training.targets import answer_laws

pytestmark = pytest.mark.integration

every_scheme = pytest.mark.parametrize("name", list(SCHEMES))
FEW: dict[str, dict[str, float]] = {"divergence": {"retain_steps": 3}}


def recipe_of(name: str, **values: int) -> TrainingRecipe:
    return replace(
        SMALL,
        scheme=name,
        scheme_parameters=FEW.get(name, {}),
        **values,  # type: ignore[arg-type]  # whole numbers only
    )


def made(name: str, **values: int) -> OffsetPair:
    wanted = recipe_of(name, **values)
    return wanted.pair_scheme()(task(wanted))


first = cache(made)


@every_scheme
def test_the_pair_makes_an_ensemble_with_a_law_that_is_one(name: str) -> None:
    pair = first(name)
    rows = encoded_sets(task(SMALL)).forget
    served = OffsetModel(
        llama(0), unlearned=pair.unlearned, reference=pair.reference, alpha=1.0
    )
    law = answer_laws(served, rows, pad_id=0)
    assert bool(law.isfinite().all())
    torch.testing.assert_close(law.exp().sum(-1), torch.ones(len(law)))
    moved = (law - answer_laws(PlainLaw(llama(0)), rows, pad_id=0)).abs().max()
    assert float(moved) > 1e-4


@every_scheme
def test_both_sides_have_one_shape_and_survive_storage(name: str) -> None:
    pair = first(name)
    packed = pack_pair(unlearned=pair.unlearned, reference=pair.reference)
    opened = unpack_pair(packed, device=CPU)
    for found, own in zip(opened, (pair.unlearned, pair.reference), strict=True):
        assert own_tensors_digest(found) == own_tensors_digest(own)


@every_scheme
def test_what_was_given_is_left_as_it_was(name: str) -> None:
    """No gradient and no step reaches base, reference or the version before."""
    wanted = recipe_of(name)
    given = task(wanted)
    wanted.pair_scheme()(given)
    assert own_tensors_digest(given.materials.base) == own_tensors_digest(
        llama(0, llama_config(width=16))
    )
    assert own_tensors_digest(given.materials.reference) == own_tensors_digest(llama(1))
    for model in (given.materials.base, given.materials.reference):
        assert all(
            item.grad is None and not item.requires_grad for item in model.parameters()
        )


@every_scheme
def test_what_is_returned_is_frozen(name: str) -> None:
    pair = first(name)
    for model in (pair.unlearned, pair.reference):
        assert not model.training
        assert not any(item.requires_grad for item in model.parameters())


@every_scheme
def test_the_seed_decides_everything(name: str) -> None:
    again, other = made(name), made(name, seed=5)
    for side in ("unlearned", "reference"):
        assert own_tensors_digest(getattr(again, side)) == own_tensors_digest(
            getattr(first(name), side)
        )
    assert pack_pair(unlearned=other.unlearned, reference=other.reference) != pack_pair(
        unlearned=again.unlearned, reference=again.reference
    )


@every_scheme
def test_every_step_is_told_with_finite_losses(name: str) -> None:
    wanted, listener = recipe_of(name), Listener()
    wanted.pair_scheme()(task(wanted, listener=listener))
    steps = listener.heard[-1].steps
    assert [item.step for item in listener.heard] == list(range(1, steps + 1))
    losses = [(item.forget_loss, item.retain_loss) for item in listener.heard]
    assert bool(torch.tensor(losses).isfinite().all())


@every_scheme
def test_adapters_work_with_it(name: str) -> None:
    """Embedding and output layer have no adapters, so both sides share them."""
    pair = made(name, lora_rank=2)
    unlearned, reference = (
        model.get_parameter("model.embed_tokens.weight")
        for model in (pair.unlearned, pair.reference)
    )
    assert torch.equal(unlearned, reference)


THIRD_PARTY = """
from unlearn_core.training.schemes.base import OffsetPair


class Still:
    objective = "nothing"

    def __call__(self, task):
        reference = task.materials.reference
        return OffsetPair(unlearned=reference, reference=reference)
"""


def test_a_third_party_can_register_a_scheme(
    third_party: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = "unlearn_core.schemes"
    third_party(THIRD_PARTY, {group: {"still": "Still"}})
    found: Registry[type[Scheme]] = Registry(kind="scheme", group=group, builtins={})
    monkeypatch.setattr(recipe, "SCHEMES", found)
    wanted = TrainingRecipe(scheme="still")
    assert wanted.trained_for == "nothing"
    pair = wanted.pair_scheme()(task(wanted))
    assert pair.unlearned is pair.reference


@pytest.mark.parametrize(
    ("scheme", "parameters"),
    [("nobody", {}), ("delta", {"layers": 1}), ("assistant", {"layers": -1})],
)
def test_a_scheme_that_cannot_work_is_refused(
    scheme: str, parameters: dict[str, float]
) -> None:
    with pytest.raises(InvalidRecipeError, match="value=scheme"):
        TrainingRecipe(scheme=scheme, scheme_parameters=parameters)
