import math
from collections.abc import Mapping, Sequence

import pytest
import torch
from support.models import token_rows

from unlearn_core.errors import ModelUnavailableError
from unlearn_core.modeling.remote import RemoteLaw

ROWS = token_rows(((5, 6), (1, 0)), ((4,), (2,)))
SMALL = torch.tensor([[0.1, 0.2, 0.3, 0.4]]).log().repeat(3, 1)


class Telling:
    """A source that tells the same everywhere and remembers what it was asked."""

    def __init__(self, told: Mapping[int, float]) -> None:
        self.told = {token: math.log(value) for token, value in told.items()}
        self.asked: list[list[tuple[int, ...]]] = []

    def likeliest(
        self, contexts: Sequence[Sequence[int]]
    ) -> Sequence[Mapping[int, float]]:
        """Tell what is told."""
        self.asked.append([tuple(item) for item in contexts])
        return [self.told] * len(contexts)


def test_only_answer_positions_are_asked_about() -> None:
    source = Telling({0: 0.5})
    RemoteLaw(source).at_answers(ROWS, small_NV=SMALL)
    assert source.asked == [[(5, 6), (5, 6, 1), (4,)]]


def test_what_is_untold_is_spread_as_the_small_model_would() -> None:
    """1/2 + 1/5 told; the rest of 3/10 falls on tokens 1 and 3 as 2 to 4."""
    law = RemoteLaw(Telling({0: 0.5, 2: 0.2}))
    found = law.at_answers(ROWS, small_NV=SMALL).exp()
    for row in found.tolist():
        assert row == pytest.approx([0.5, 0.1, 0.2, 0.2])
    assert law.untold == pytest.approx(0.3)


def test_a_whole_law_is_taken_as_it_is() -> None:
    law = RemoteLaw(Telling({0: 0.5, 1: 0.25, 2: 0.125, 3: 0.125}))
    found = law.at_answers(ROWS, small_NV=SMALL).exp()
    assert found[0].tolist() == pytest.approx([0.5, 0.25, 0.125, 0.125])
    assert law.untold == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("told", [{}, {4: 0.5}, {-1: 0.5}, {0: 0.9, 1: 0.9}])
def test_what_is_no_law_over_the_vocabulary_is_refused(told: dict[int, float]) -> None:
    with pytest.raises(ModelUnavailableError):
        RemoteLaw(Telling(told)).at_answers(ROWS, small_NV=SMALL)


def test_nothing_to_ask_asks_nothing() -> None:
    source = Telling({0: 0.5})
    empty = torch.zeros(0, 0)
    assert RemoteLaw(source).at_answers([], small_NV=empty).shape == (0, 0)
    assert source.asked == []
