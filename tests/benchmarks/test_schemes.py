"""The pure parts of the comparison of schemes."""

import math

import pytest
import torch

from benchmarks.schemes import TRIALS, without_raised
from unlearn_core.training.schemes import SCHEMES


def test_the_most_raised_tokens_are_ruled_out_and_the_rest_keep_their_ratio() -> None:
    law = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
    raised = torch.tensor([2.0, -1.0, 3.0, 0.5])
    expected = torch.tensor([0.0, 0.3 / 0.35, 0.0, 0.05 / 0.35])
    found = without_raised(law, raised, count=2)
    torch.testing.assert_close(found.exp(), expected, atol=1e-6, rtol=1e-5)
    assert bool(found.isfinite().all())


def test_a_token_that_is_not_raised_is_never_ruled_out() -> None:
    law = torch.tensor([[0.5, 0.3, 0.2]]).log()
    found = without_raised(law, torch.tensor([[-1.0, 0.0, -2.0]]), count=2)
    torch.testing.assert_close(found, law)
    one = without_raised(law, torch.tensor([[1.0, 0.0, -2.0]]), count=2)
    assert float(one[0, 1]) == pytest.approx(math.log(0.6), abs=1e-5)


def test_every_scheme_is_compared() -> None:
    assert {trial.recipe.scheme for trial in TRIALS.values()} == set(SCHEMES)
