import pytest
from support.schemes import SMALL, task

from unlearn_core.modeling.weights import own_tensors_digest
from unlearn_core.training.pair import make_unlearned
from unlearn_core.training.schemes.delta import Delta


def test_the_unlearned_side_is_trained_and_the_reference_is_the_same_object() -> None:
    given = task(SMALL)
    pair = Delta()(given)
    assert pair.reference is given.materials.reference
    assert own_tensors_digest(pair.unlearned) != own_tensors_digest(pair.reference)
    alone = make_unlearned(
        given.datasets,
        materials=given.materials,
        recipe=SMALL,
        checkpoints=given.checkpoints,
        on_progress=given.on_progress,
    )
    assert own_tensors_digest(alone) == own_tensors_digest(pair.unlearned)


def test_it_is_trained_for_the_objective_of_the_recipe() -> None:
    assert Delta.objective is None
    with pytest.raises(TypeError):
        Delta(anything=1)  # type: ignore[call-arg]  # there is nothing to set
