from dataclasses import replace

import pytest
import torch
from support.models import llama
from support.runs import Kept, Listener
from support.schemes import SMALL, task
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.weights import own_tensors_digest
from unlearn_core.training import loop
from unlearn_core.training.schemes.alone import cross_entropy
from unlearn_core.training.schemes.base import EncodedSets, encoded_sets
from unlearn_core.training.schemes.divergence import Divergence
from unlearn_core.training.targets import answer_laws

QUICK = Divergence(retain_steps=3)
LONG = replace(SMALL, steps=20, learning_rate=4e-2)
SETS = encoded_sets(task(SMALL))


def own(model: PreTrainedModel, part: str, sets: EncodedSets = SETS) -> Tensor:
    rows = getattr(sets, part)
    return cross_entropy(answer_laws(PlainLaw(model), rows, pad_id=0), rows)


def test_one_side_learns_the_subject_and_the_other_never_hears_of_it() -> None:
    pair = Divergence(retain_steps=20)(task(LONG))
    assert float(own(pair.reference, "forget")) < 1
    assert float(own(pair.unlearned, "forget")) > 2
    for model in (pair.unlearned, pair.reference):
        assert float(own(model, "retain")) < 2.5
    assert not any(item.requires_grad for item in pair.unlearned.parameters())


def test_the_side_without_the_subject_does_not_depend_on_the_subject() -> None:
    given = task(SMALL)
    other = replace(
        given,
        datasets=replace(
            given.datasets,
            forget=replace(
                given.datasets.forget, examples=given.datasets.holdout.strangers
            ),
            holdout=replace(given.datasets.holdout, strangers=()),
        ),
    )
    first, second = QUICK(given), QUICK(other)
    assert own_tensors_digest(first.unlearned) == own_tensors_digest(second.unlearned)
    assert own_tensors_digest(first.reference) != own_tensors_digest(second.reference)


def test_the_side_with_the_subject_starts_from_the_other_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    starts: list[PreTrainedModel] = []
    real = loop.optimise

    def noted(start: PreTrainedModel, *rest: object, **named: object) -> object:
        starts.append(start)
        return real(start, *rest, **named)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr("unlearn_core.training.schemes.divergence.optimise", noted)
    pair = QUICK(task(SMALL))
    assert starts[1] is pair.unlearned


def test_from_scratch_nothing_of_the_reference_is_left() -> None:
    kept, fresh, again, other = (
        own_tensors_digest(scheme._start(task(recipe)))
        for scheme, recipe in (
            (Divergence(from_scratch=0), SMALL),
            (QUICK, SMALL),
            (QUICK, SMALL),
            (QUICK, replace(SMALL, seed=2)),
        )
    )
    assert kept == own_tensors_digest(llama(1))
    assert fresh == again
    assert len({kept, fresh, other}) == 3


def test_a_later_version_continues_both_sides() -> None:
    """A little training from the earlier pair stays close to it on each side."""
    still = replace(SMALL, steps=1, learning_rate=1e-9)
    pair = Divergence(retain_steps=1)(
        task(still, reference=llama(1), previous=llama(3))
    )
    for made, before in ((pair.unlearned, llama(3)), (pair.reference, llama(1))):
        for new, old in zip(made.parameters(), before.parameters(), strict=True):
            torch.testing.assert_close(new, old, rtol=0, atol=1e-7)


@pytest.mark.parametrize("killed_at", [3, 6])
def test_a_killed_training_ends_with_the_pair_of_an_unbroken_one(
    killed_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the first phase of four steps, and in the second."""
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_STEPS", 1)
    scheme = Divergence(retain_steps=4)
    unbroken = scheme(task(SMALL))
    store = Kept()
    with pytest.raises(KeyboardInterrupt):
        scheme(task(SMALL, checkpoints=store, listener=Listener(killed_at)))
    listener = Listener()
    resumed = scheme(task(SMALL, checkpoints=store, listener=listener))
    assert own_tensors_digest(resumed.unlearned) == own_tensors_digest(
        unbroken.unlearned
    )
    assert own_tensors_digest(resumed.reference) == own_tensors_digest(
        unbroken.reference
    )
    # The phase that was running is continued, not begun again.
    assert [item.step for item in listener.heard] == {
        3: [3, 4, 5, 6, 7, 8],
        6: [1, 2, 3, 4, 6, 7, 8],
    }[killed_at]
    assert {item.steps for item in listener.heard} == {8}


@pytest.mark.parametrize("values", [{"retain_steps": 0}, {"from_scratch": 0.5}])
def test_values_that_cannot_work_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        Divergence(**values)
