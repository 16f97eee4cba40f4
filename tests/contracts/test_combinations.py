"""What every registered combination must honour."""

from dataclasses import replace

import pytest
import torch
from support.domain import datasets, example
from support.models import chat_tokenizer, llama
from support.plugins import Installer
from support.runs import Kept, Listener

from unlearn_core.modeling.weights import own_tensors_digest
from unlearn_core.registry import Registry
from unlearn_core.training import loop, recipe
from unlearn_core.training.checkpoints import CheckpointStore, NoCheckpoints
from unlearn_core.training.combinations import COMBINATIONS
from unlearn_core.training.combinations.base import Combination, Part, Parts
from unlearn_core.training.loop import TrainingProgress
from unlearn_core.training.pair import PairMaterials, make_unlearned
from unlearn_core.training.recipe import TrainingRecipe

pytestmark = pytest.mark.integration

SETS = datasets()
FIELDS = ("city", "phone")
SETS = replace(
    SETS,
    forget=replace(
        SETS.forget,
        examples=tuple(
            replace(example(f"What is the {name} of Ada Example?", "Ulm"), field=name)
            for name in FIELDS
        ),
        twins=(),
    ),
)
SHORT = TrainingRecipe(objective="npo", steps=3, retain_batch=2, stranger_batch=1)
EVERY = [
    replace(SHORT, combination=name, combination_parameters=parameters)
    for name in COMBINATIONS
    for parameters in [{"steps": 2.0} if name == "negation" else {"parts": 2.0}]
]
every_combination = pytest.mark.parametrize(
    "way", EVERY, ids=[way.combination for way in EVERY]
)


def make(
    way: TrainingRecipe,
    checkpoints: CheckpointStore | None = None,
    *,
    stop_after: int | None = None,
) -> tuple[str, list[TrainingProgress]]:
    """Return the digest of what was made, and the steps; the start stays as it was."""
    reference, listener = llama(1), Listener(stop_after)
    made = make_unlearned(
        SETS,
        materials=PairMaterials(
            base=llama(0), tokenizer=chat_tokenizer(), reference=reference
        ),
        recipe=way,
        checkpoints=checkpoints or NoCheckpoints(),
        on_progress=listener,
    )
    assert all(bool(item.isfinite().all()) for item in made.parameters())
    assert not any(item.requires_grad for item in made.parameters())
    assert own_tensors_digest(reference) == own_tensors_digest(llama(1))
    return own_tensors_digest(made), listener.heard


@every_combination
def test_the_pair_changes_and_its_start_does_not(way: TrainingRecipe) -> None:
    digest, progress = make(way)
    assert digest != own_tensors_digest(llama(1))
    assert digest == make(way)[0]
    split = COMBINATIONS.get(way.combination).parts_from is Parts.FIELDS
    assert [item.step for item in progress] == ([1, 2, 3, 4, 5, 6] if split else [])
    assert {item.steps for item in progress} == ({6} if split else set())


@pytest.mark.parametrize("stop_after", [2, 3, 5])
def test_a_resumed_run_ends_as_an_unbroken_one(
    stop_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the first part, at its end, and in the second."""
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_STEPS", 1)
    way = next(item for item in EVERY if item.combination == "fusion")
    checkpoints = Kept()
    with pytest.raises(KeyboardInterrupt):
        make(way, checkpoints, stop_after=stop_after)
    digest, progress = make(way, checkpoints)
    assert progress[0].step == {2: 2, 3: 3, 5: 5}[stop_after]
    assert digest == make(way)[0]


@pytest.mark.parametrize("name", list(COMBINATIONS))
def test_trainings_that_changed_nothing_leave_the_start(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    start = {
        "w": torch.randn(3, 2, generator=generator),
        "b": torch.randn(3, generator=generator),
    }
    part = Part(weights=start, inputs_II={"w": torch.eye(2)})
    made = COMBINATIONS.get(name)()(start, [part, part])
    torch.testing.assert_close(dict(made), start)


THIRD_PARTY = """
from unlearn_core.training.combinations.base import Parts


class Last:
    parts_from = Parts.FIELDS
    needs_inputs = False
    count = 2

    def __call__(self, start, parts):
        return parts[-1].weights
"""


def test_a_third_party_can_register_a_combination(
    third_party: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = "unlearn_core.combinations"
    third_party(THIRD_PARTY, {group: {"last": "Last"}})
    found: Registry[type[Combination]] = Registry(
        kind="combination", group=group, builtins={}
    )
    monkeypatch.setattr(recipe, "COMBINATIONS", found)
    _, progress = make(replace(SHORT, combination="last"))
    assert progress[-1].step == 6
