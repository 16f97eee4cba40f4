import math
import random
from collections.abc import Sequence

import pytest
import torch
from support.laws import table
from support.models import llama, token_rows
from support.runs import Kept
from support.schemes import SMALL
from torch import Tensor

from unlearn_core.modeling.tokens import TokenizedExample
from unlearn_core.training.loop import TrainingProgress
from unlearn_core.training.passes import small_laws
from unlearn_core.training.schemes.alone import (
    OwnLawStepper,
    Part,
    PhaseCheckpoints,
    counted_from,
    cross_entropy,
    likeness,
    positions,
    unevenness,
)

ROWS = token_rows(((5, 6), (1, 0)), ((4,), (1,)))


def test_cross_entropy_is_the_mean_over_true_tokens() -> None:
    law = table([[0.5, 0.5], [0.2, 0.8], [0.75, 0.25]])
    expected = -(math.log(0.5) + math.log(0.2) + math.log(0.25)) / 3
    assert float(cross_entropy(law, ROWS)) == pytest.approx(expected)


def test_unevenness_is_the_divergence_of_the_uniform_law() -> None:
    """KL((.5, .5) || (.9, .1)) = .5 log(.5/.9) + .5 log(.5/.1)."""
    law = table([[0.5, 0.5], [0.9, 0.1], [0.5, 0.5]])
    one = 0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1)
    assert float(unevenness(law, ROWS)) == pytest.approx(one / 3)


def test_unevenness_stays_finite_where_a_probability_vanishes() -> None:
    logits = torch.tensor([[0.0, 5000.0, -5000.0]], requires_grad=True)
    value = unevenness(torch.log_softmax(logits, dim=-1), ROWS)
    value.backward()  # type: ignore[no-untyped-call]  # untyped upstream
    assert logits.grad is not None
    assert bool(logits.grad.isfinite().all())
    # Down the gradient the law becomes more even.
    assert logits.grad.sign().tolist() == [[-1, 1, -1]]


def test_a_model_is_wholly_like_itself_and_less_like_another() -> None:
    own = likeness(llama(1), pad_id=0, precision="float32")
    laws = [
        small_laws(llama(seed), ROWS, pad_id=0, precision="float32") for seed in (1, 2)
    ]
    assert float(own(laws[0], ROWS)) == pytest.approx(0, abs=1e-6)
    expected = (laws[0].exp() * (laws[0] - laws[1])).sum(-1).mean()
    assert float(own(laws[1], ROWS)) == pytest.approx(float(expected))


def stepper(*sizes: int, pad_id: int = 0) -> OwnLawStepper:
    rows: list[Sequence[TokenizedExample]] = [
        token_rows(*(((20 + n, 6, 7)[: 1 + n % 3], (9 + n,)) for n in range(4))),
        token_rows(*(((30 + n,), (40 + n, 3)) for n in range(5))),
        token_rows(((50,), (51,))),
    ]
    first, second, third = (
        Part(found, size, cross_entropy)
        for found, size in zip(rows, sizes, strict=True)
    )
    return OwnLawStepper(llama(1), (first, second, third), recipe=SMALL, pad_id=pad_id)


def test_every_part_is_judged_on_its_own_rows() -> None:
    """One forward pass for all of them gives what one for each gives."""
    made = stepper(2, 3, 1)
    losses = made.losses(7)
    rng = random.Random("0-7")
    for loss, part in zip(losses, made._parts, strict=True):
        rows = part.drawn(rng)
        assert len(rows) == part.batch
        law = small_laws(llama(1), rows, pad_id=0, precision="float32")
        assert float(loss) == pytest.approx(float(cross_entropy(law, rows)), rel=1e-4)


def test_padding_changes_no_loss() -> None:
    narrow, other = (stepper(4, 5, 1, pad_id=pad).losses(0) for pad in (0, 99))
    torch.testing.assert_close(narrow, other, rtol=1e-5, atol=1e-6)


def test_a_part_without_examples_costs_nothing() -> None:
    losses = stepper(0, 2, 0).losses(0)
    assert [float(losses[0]), float(losses[2])] == [0, 0]
    assert float(losses[1]) > 0


def test_positions_are_answer_tokens() -> None:
    assert positions(ROWS) == 3


def test_a_phase_finds_its_own_checkpoint_alone() -> None:
    store = Kept()
    PhaseCheckpoints(store, phase=0).save(b"first")
    assert PhaseCheckpoints(store, phase=0).load() == b"first"
    assert PhaseCheckpoints(store, phase=1).load() is None
    PhaseCheckpoints(store, phase=1).save(b"second")
    assert PhaseCheckpoints(store, phase=1).load() == b"second"


def test_an_earlier_phase_that_is_repeated_keeps_the_later_ones_checkpoint() -> None:
    store = Kept()
    PhaseCheckpoints(store, phase=1).save(b"second")
    again = PhaseCheckpoints(store, phase=0)
    assert again.load() is None
    again.save(b"first")
    assert PhaseCheckpoints(store, phase=1).load() == b"second"


def test_progress_is_counted_over_all_phases() -> None:
    told: list[TrainingProgress] = []
    progress = TrainingProgress(
        step=3,
        steps=4,
        forget_loss=0.0,
        retain_loss=0.0,
        stranger_loss=0.0,
        learning_rate=0.1,
        seconds=1.0,
    )
    counted_from(told.append, done=10, steps=14)(progress)
    assert [(item.step, item.steps) for item in told] == [(13, 14)]


def test_the_gradient_reaches_the_model_in_training_alone() -> None:
    kept = llama(2)
    model = llama(1).requires_grad_(requires_grad=True)
    alike = likeness(kept, pad_id=0, precision="float32")
    part, nothing = Part(ROWS, 2, alike), Part((), 0, cross_entropy)
    made = OwnLawStepper(model, (part, nothing, nothing), recipe=SMALL, pad_id=0)
    loss: Tensor = made.losses(0)[0]
    loss.backward()  # type: ignore[no-untyped-call]  # untyped upstream
    assert any(
        item.grad is not None and bool(item.grad.any()) for item in model.parameters()
    )
    assert all(item.grad is None for item in kept.parameters())
