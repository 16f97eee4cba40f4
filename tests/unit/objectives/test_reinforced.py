import math

import pytest
import torch
from support.laws import answer_laws, table

from unlearn_core.objectives.base import ReinforcedTeacher, Teacher
from unlearn_core.objectives.reinforced import ForcedTeacher, GenericPrediction
from unlearn_core.objectives.twin import TwinMatching


@pytest.mark.parametrize(
    ("strength", "expected"),
    [(0.0, [0.5, 0.5]), (1.0, [2 / 5, 3 / 5]), (2.0, [4 / 13, 9 / 13])],
)
def test_only_what_was_raised_is_lowered(
    strength: float, expected: list[float]
) -> None:
    """The first token rose by 3/2, so it loses (2/3)^strength; the second fell."""
    for kind in (ForcedTeacher, GenericPrediction):
        law = kind(strength=strength).target_law(
            table([[0.5, 0.5]]), reinforced_NV=table([[0.75, 0.25]])
        )
        assert law.exp()[0].tolist() == pytest.approx(expected)


def test_e2urec_is_the_divergence_from_the_lowered_law() -> None:
    laws = answer_laws([[0.25, 0.75]], target=[[0.5, 0.5]], labels=[0])
    expected = 0.5 * math.log(2) - 0.5 * math.log(1.5)
    assert float(ForcedTeacher()(laws)) == pytest.approx(expected)


def test_whos_harry_potter_learns_one_generic_token() -> None:
    """The likeliest tokens of the target are the second and the first."""
    laws = answer_laws(
        [[0.75, 0.25], [0.125, 0.875]],
        target=[[0.4, 0.6], [0.9, 0.1]],
        labels=[0, 1],
    )
    assert float(GenericPrediction()(laws)) == pytest.approx(2.5 * math.log(2))


def test_they_differ_in_the_name_that_is_asked_for() -> None:
    assert ForcedTeacher.teacher is Teacher.REINFORCED
    assert GenericPrediction.teacher is Teacher.ANCHORED
    assert isinstance(GenericPrediction(), ReinforcedTeacher)
    assert not isinstance(TwinMatching(), ReinforcedTeacher)


def test_the_lowered_law_is_a_law() -> None:
    before, reinforced = (torch.randn(4, 9).log_softmax(-1) for _ in range(2))
    law = ForcedTeacher().target_law(before, reinforced_NV=reinforced)
    torch.testing.assert_close(law.exp().sum(-1), torch.ones(4))


@pytest.mark.parametrize(
    ("strength", "steps", "problem"),
    [(-1.0, 5.0, "strength must be zero"), (1.0, 0.0, "reinforcement_steps must be")],
)
def test_a_teacher_that_cannot_be_is_refused(
    strength: float, steps: float, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        ForcedTeacher(strength=strength, reinforcement_steps=steps)
