import pytest
from support.models import llama

from unlearn_core.errors import InvalidRecipeError
from unlearn_core.training.masks.base import MaskEvidence
from unlearn_core.training.masks.structural import Everything, Layers


def evidence() -> MaskEvidence:
    model = llama(1)
    model.requires_grad_(requires_grad=True)
    return MaskEvidence(model=model, forget_losses=iter, retain_losses=iter)  # type: ignore[arg-type]  # never asked


@pytest.mark.parametrize(
    ("mask", "blocks"),
    [
        (Layers(), {"model.layers.0"}),
        (Layers(first=1.0), {"model.layers.1"}),
        (Layers(first=0.0, count=2.0), {"model.layers.0", "model.layers.1"}),
    ],
)
def test_blocks_are_chosen_whole_and_nothing_else(
    mask: Layers, blocks: set[str]
) -> None:
    for name, chosen in mask(evidence()).items():
        wanted = name.rsplit(".", 3)[0] in blocks or name.rsplit(".", 2)[0] in blocks
        assert bool(chosen.all()) == wanted
        assert bool(chosen.any()) == wanted


def test_a_block_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidRecipeError, match="blocks=2"):
        Layers(first=1.0, count=2.0)(evidence())


def test_everything_is_everything() -> None:
    assert all(bool(item.all()) for item in Everything()(evidence()).values())
