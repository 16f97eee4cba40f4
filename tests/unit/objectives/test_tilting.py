import math

import pytest
import torch
from support.laws import answer_laws, table

from unlearn_core.objectives.base import Teacher
from unlearn_core.objectives.tilting import OwnLawWithoutTruth, SelfDistillation

THIRD = SelfDistillation(beta=math.log(3))


def test_undial_by_hand() -> None:
    """A third of the truth's odds makes (1/4, 3/4) of (1/2, 1/2)."""
    laws = answer_laws([[0.5, 0.5]], base=[[0.9, 0.1]], target=[[0.5, 0.5]], labels=[0])
    expected = -0.25 * math.log(2) + 0.75 * math.log(1.5)
    assert float(THIRD(laws)) == pytest.approx(expected)


def test_undial_is_at_rest_where_the_truth_has_lost_its_share() -> None:
    logits = table([[0.25, 0.75], [0.5, 0.5]]).requires_grad_()
    laws = answer_laws(
        torch.log_softmax(logits, dim=-1),
        target=[[0.5, 0.5], [0.75, 0.25]],
        labels=[0, 0],
    )
    loss = THIRD(laws)
    loss.backward()  # type: ignore[no-untyped-call]  # untyped upstream
    assert float(loss.detach()) == pytest.approx(0, abs=1e-12)
    assert logits.grad is not None
    assert float(logits.grad.abs().max()) == pytest.approx(0, abs=1e-12)
    assert SelfDistillation.teacher is Teacher.BEFORE


def test_ceu_by_hand() -> None:
    """Without the truth (1/2, 1/3, 1/6) is (0, 2/3, 1/3); no gradient through it."""
    served = table([[1 / 2, 1 / 3, 1 / 6]]).requires_grad_()
    loss = OwnLawWithoutTruth()(answer_laws(served, labels=[0]))
    loss.backward()  # type: ignore[no-untyped-call]  # untyped upstream
    assert float(loss.detach()) == pytest.approx(math.log(3) + math.log(2) / 3)
    assert served.grad is not None
    assert served.grad[0].tolist() == pytest.approx([0, -2 / 3, -1 / 3])


@pytest.mark.parametrize("beta", [0.0, -1.0, math.inf, math.nan])
def test_a_logit_that_is_not_lowered_is_refused(beta: float) -> None:
    with pytest.raises(ValueError, match="beta must be positive"):
        SelfDistillation(beta=beta)
