from dataclasses import replace

import torch
from safetensors.torch import load as load_safetensors
from support.models import llama

from unlearn_core.training.calibration import Limits, Settling
from unlearn_core.training.checkpoints import NoCheckpoints, TrainingState
from unlearn_core.training.duals import RetainWeight


def state(seed: int, *, steps: int, freeze: str = "") -> TrainingState:
    """Return a model after some steps of AdamW on its own weights."""
    model: torch.nn.Module = llama(seed)
    model.requires_grad_(requires_grad=True)
    for name, parameter in model.named_parameters():
        if freeze and freeze in name:
            parameter.requires_grad = False
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    made = TrainingState(model, optimizer)
    for _ in range(steps):
        step(made)
    return made


def step(made: TrainingState) -> None:
    made.optimizer.zero_grad()
    trained = [item for item in made.model.parameters() if item.requires_grad]
    torch.stack([(item**2).sum() for item in trained]).sum().backward()  # type: ignore[no-untyped-call]  # untyped upstream
    made.optimizer.step()


def weights(made: TrainingState) -> torch.Tensor:
    return torch.cat([item.detach().flatten() for item in made.model.parameters()])


def test_a_restored_state_continues_as_if_nothing_had_happened() -> None:
    original, restored = state(0, steps=3), state(1, steps=0)
    assert restored.unpack(original.pack(step=3)) == 3
    assert torch.equal(weights(original), weights(restored))
    for made in (original, restored):
        step(made)
    assert torch.equal(weights(original), weights(restored))


def test_packing_is_byte_stable_and_reads_back_the_same() -> None:
    original, restored = state(0, steps=2), state(1, steps=5)
    data = original.pack(step=2)
    assert data == original.pack(step=2)
    restored.unpack(data)
    assert restored.pack(step=2) == data


def test_a_checkpoint_holds_weights_moments_and_the_step_only() -> None:
    stored = load_safetensors(state(0, steps=1).pack(step=1))
    kinds = {name.split("/")[0] for name in stored}
    assert kinds == {"step", "weight", "optimizer"}
    moments = {name.split("/")[1] for name in stored if name.startswith("optimizer/")}
    assert moments == {"step", "exp_avg", "exp_avg_sq"}
    assert int(stored["step"]) == 1


def test_frozen_weights_are_not_part_of_a_checkpoint() -> None:
    stored = load_safetensors(state(0, steps=1, freeze="embed").pack(step=1))
    assert not [name for name in stored if "embed" in name]


def test_a_state_before_the_first_step_has_no_moments() -> None:
    restored = state(1, steps=2)
    assert restored.unpack(state(0, steps=0).pack(step=0)) == 0
    assert all(not item for item in restored.optimizer.state.values())


def test_no_checkpoints_are_kept_where_none_are_wanted() -> None:
    store = NoCheckpoints()
    store.save(b"state")
    assert store.load() is None


def test_a_multiplier_is_saved_only_if_it_moves() -> None:
    fixed, moving = state(0, steps=1), state(0, steps=1)
    fixed = replace(fixed, retain_weight=RetainWeight(value=3.0))
    moving = replace(
        moving, retain_weight=RetainWeight(value=0.1, budget=1.0, rate=1.0)
    )
    assert fixed.pack(step=1) == state(0, steps=1).pack(step=1)
    other = RetainWeight(value=9.0, budget=1.0, rate=1.0)
    replace(state(1, steps=0), retain_weight=other).unpack(moving.pack(step=1))
    assert other.value == 0.1


def test_calm_looks_are_saved_only_if_they_may_end_the_run() -> None:
    made = state(0, steps=1)
    endless = replace(made, settling=Settling(limits=None, calm=2))
    assert endless.pack(step=1) == made.pack(step=1)
    calm = replace(made, settling=Settling(limits=Limits(), calm=2))
    other = Settling(limits=Limits())
    replace(state(1, steps=0), settling=other).unpack(calm.pack(step=1))
    assert other.calm == 2
