from collections.abc import Sequence

import pytest
import torch
from support.domain import example
from support.models import token_rows

from unlearn_core.domain.datasets import Example
from unlearn_core.training.repair import repaired
from unlearn_core.training.targets import AnswerTable

ROWS = token_rows(((5,), (0,)), ((6,), (1,)), ((7,), (1, 1)))


def about(*refs: str) -> list[Example]:
    return [example(f"{number}?", "x", ref=ref) for number, ref in enumerate(refs)]


def table(served: Sequence[float]) -> AnswerTable:
    """Four positions whose answers the base gives for certain."""
    likely_N = torch.tensor(served)
    labels_N = torch.tensor([0, 1, 1, 1])
    laws_NV = torch.full((4, 2), -50.0)
    rows = torch.arange(4)
    base_NV, target_NV = laws_NV.clone(), laws_NV.clone()
    base_NV[rows, labels_N] = 0.0
    target_NV[rows, labels_N] = likely_N
    return AnswerTable(
        examples=tuple(ROWS),
        starts_E=torch.tensor([0, 1, 2]),
        counts_E=torch.tensor([1, 1, 2]),
        labels_N=labels_N,
        base_NV=base_NV,
        reference_NV=laws_NV,
        target_NV=target_NV,
    )


@pytest.mark.parametrize(
    ("refs", "served", "brought_back"),
    [
        (("a", "b", "c"), (-0.9, -1.1, -0.9, -0.9), (True, False, True, True)),
        (("a", "b", "c"), (-0.1, -0.1, -0.1, -2.5), (True, True, False, False)),
        (("a", "a", "c"), (-0.1, -2.5, -0.1, -0.1), (False, False, True, True)),
        (("a", "a", "c"), (-0.1, -1.5, -0.1, -0.1), (True, True, True, True)),
        (("", "", "c"), (-0.1, -2.5, -0.1, -0.1), (True, False, True, True)),
    ],
    ids=[
        "one answer each",
        "the mean over an answer's tokens",
        "a stranger in the mean over answers",
        "one lost answer is repaired",
        "texts about nobody stand for themselves",
    ],
)
def test_everybody_is_brought_back_but_strangers(
    refs: tuple[str, ...], served: tuple[float, ...], brought_back: tuple[bool, ...]
) -> None:
    before = table(served)
    after = repaired(before, about(*refs))
    for row, is_back in enumerate(brought_back):
        expected_NV = before.base_NV if is_back else before.target_NV
        assert torch.equal(after.target_NV[row], expected_NV[row])


def test_nothing_to_keep_needs_no_repair() -> None:
    before = table((-1.0,) * 4)
    assert repaired(before, ()) is before
