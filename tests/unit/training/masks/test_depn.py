from collections.abc import Iterator

import pytest
import torch
from support.models import llama
from torch import Tensor
from torch.nn import Linear

from unlearn_core.errors import InvalidRecipeError
from unlearn_core.training.masks.base import MaskEvidence, blocks_of
from unlearn_core.training.masks.depn import PrivacyNeurons, attributions


def test_attributions_integrate_the_gradient_along_the_activations() -> None:
    """Loss ``-(2 a + 3 b)^2`` at a = 1, b = 2 is -64: a owns 16 of it and b owns 48."""
    outward = Linear(2, 1, bias=False)
    with torch.no_grad():
        outward.weight.copy_(torch.tensor([[2.0, 3.0]]))

    def losses() -> Iterator[Tensor]:
        yield -(outward(torch.tensor([1.0, 2.0])) ** 2).sum()

    found = attributions(outward, losses, points=4)
    torch.testing.assert_close(found, torch.tensor([16.0, 48.0]))
    assert not outward._forward_pre_hooks


def evidence() -> MaskEvidence:
    """Return evidence about a random Llama: how unlikely it finds token 3 after 5."""
    model = llama(1)
    model.requires_grad_(requires_grad=True)

    def losses() -> Iterator[Tensor]:
        logits_BTV = model(torch.tensor([[4, 5]])).logits
        yield -torch.log_softmax(logits_BTV[0, -1], dim=-1)[3]

    return MaskEvidence(model=model, forget_losses=losses, retain_losses=losses)


def test_whole_neurons_are_chosen_and_nothing_else() -> None:
    """Two layers of 16 neurons; a quarter are 8, each with rows in and a column out."""
    given = evidence()
    mask = PrivacyNeurons(share=0.25)(given)
    neurons = 0
    for number in range(2):
        part = f"model.layers.{number}.mlp"
        chosen = mask[f"{part}.up_proj.weight"][:, 0]
        neurons += int(chosen.sum())
        for name in ("up_proj", "gate_proj"):
            wanted = chosen[:, None].expand(16, 8)
            assert torch.equal(mask[f"{part}.{name}.weight"], wanted)
        wanted = chosen[None, :].expand(8, 16)
        assert torch.equal(mask[f"{part}.down_proj.weight"], wanted)
    assert neurons == 8
    outside = [item for name, item in mask.items() if ".mlp." not in name]
    assert not any(bool(item.any()) for item in outside)


def test_the_neurons_that_matter_most_are_chosen() -> None:
    """Attributions of a layer add up to what the layer does for the answer."""
    given = evidence()
    outward = blocks_of(given.model)[1].get_submodule("mlp.down_proj")
    assert isinstance(outward, Linear)
    found = attributions(outward, given.forget_losses, points=64)
    (with_layer,) = given.forget_losses()
    outward.weight.data.zero_()
    (without,) = given.forget_losses()
    torch.testing.assert_close(found.sum(), without - with_layer, rtol=1e-3, atol=1e-3)


def test_a_model_without_such_neurons_is_refused() -> None:
    given = evidence()
    for block in blocks_of(given.model):
        block.mlp = torch.nn.Identity()
    with pytest.raises(InvalidRecipeError, match="value=mask"):
        PrivacyNeurons()(given)
