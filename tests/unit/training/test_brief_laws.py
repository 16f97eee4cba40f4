import math

import pytest
import torch
from torch import Tensor

from unlearn_core.training import brief_laws
from unlearn_core.training.brief_laws import ERROR, in_brief, in_full, law_errors

VOCABULARY = 100


def law(*told: float) -> Tensor:
    """Return a law that gives some tokens so much, and the others the rest evenly."""
    rest = (1 - sum(told)) / (VOCABULARY - len(told))
    return torch.tensor([*told, *[rest] * (VOCABULARY - len(told))]).log()


def uneven() -> Tensor:
    """Return a law whose probabilities fall by a tenth from token to token."""
    return (0.9 ** torch.arange(VOCABULARY)).log().log_softmax(-1)


def test_a_law_that_is_even_beyond_its_likeliest_tokens_loses_nothing() -> None:
    """What is told is rounded to half precision: 2 ** -11 of ln 2, of ln 100."""
    laws_NV = torch.stack([law(0.5, 0.25), law(0.9)])
    kept = in_brief(laws_NV, torch.tensor([0, 99]), tolerance=4e-3)
    assert kept["places/16"].tolist() == [0, 1]
    assert kept["told/whole"].shape == (0, VOCABULARY)
    torch.testing.assert_close(in_full(kept), laws_NV, rtol=0, atol=5e-3)


def test_a_position_tells_as_few_tokens_as_will_do() -> None:
    laws_NV = torch.stack([uneven(), law(0.9), uneven()])
    labels_N = torch.tensor([0, 0, 0])
    # The 16 likeliest leave a fifth untold; 64 of 100 would be no saving.
    kept = in_brief(laws_NV, labels_N, tolerance=4e-3)
    assert kept["places/16"].tolist() == [1]
    assert kept["places/whole"].tolist() == [0, 2]
    assert "places/64" not in kept
    generous = in_brief(laws_NV, labels_N, tolerance=1.0)
    assert generous["places/16"].tolist() == [0, 1, 2]


def test_the_error_is_that_of_what_is_read_back() -> None:
    laws_NV = torch.stack([uneven(), law(0.9)])
    kept = in_brief(laws_NV, torch.tensor([0, 0]), tolerance=1.0)
    assert float(kept[ERROR]) == float(law_errors(laws_NV, in_full(kept)).max())
    assert 0.01 < float(kept[ERROR]) < 1


def test_what_is_read_back_is_a_law() -> None:
    kept = in_brief(torch.stack([uneven()]), torch.tensor([80]), tolerance=1.0)
    assert float(in_full(kept).exp().sum()) == pytest.approx(1, abs=1e-5)


def test_the_true_token_is_told_however_unlikely_it_is() -> None:
    """By its place it would share the rest evenly, and be far likelier."""
    unlikely = law(0.5, 0.25).index_fill(0, torch.tensor([70]), math.log(1e-7))
    laws_NV = unlikely.log_softmax(-1)[None]
    told = in_full(in_brief(laws_NV, torch.tensor([70]), tolerance=4e-3))
    not_told = in_full(in_brief(laws_NV, torch.tensor([0]), tolerance=4e-3))
    assert float(told[0, 70]) == pytest.approx(math.log(1e-7), abs=0.01)
    assert float(not_told[0, 70]) > math.log(1e-3)


def test_a_true_token_among_the_likeliest_counts_once() -> None:
    """Otherwise half of the law would be missing."""
    laws_NV = law(0.5)[None]
    kept = in_full(in_brief(laws_NV, torch.tensor([0]), tolerance=4e-3))
    assert float(kept[0, 0].exp()) == pytest.approx(0.5, abs=1e-3)
    assert float(kept[0, 1:].exp().sum()) == pytest.approx(0.5, abs=1e-3)


def test_nothing_is_impossible_where_everything_is_told_to_be_certain() -> None:
    sure = torch.full((1, VOCABULARY), -torch.inf)
    sure[0, 3] = 0.0
    kept = in_full(in_brief(sure, torch.tensor([3]), tolerance=4e-3))
    assert bool(kept.isfinite().all()) is False  # sixteen are told to be impossible
    assert float(kept[0].exp().sum()) == pytest.approx(1, abs=1e-5)
    assert not bool(kept.isnan().any())


def test_ids_take_two_bytes_where_they_can() -> None:
    laws_NV = law(0.9)[None]
    kept = in_brief(laws_NV, torch.tensor([5]), tolerance=4e-3)
    assert kept["ids/16"].dtype == torch.uint16
    large = torch.zeros(1, 2**16 + 1).log_softmax(-1)
    kept = in_brief(large, torch.tensor([2**16]), tolerance=4e-3)
    assert kept["ids/16"].dtype == torch.int32
    assert int(kept["ids/16"][0, -1]) == 2**16


def test_positions_are_looked_at_some_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    laws_NV = torch.stack([uneven(), law(0.9), uneven(), law(0.5), law(0.1, 0.2)])
    labels_N = torch.tensor([1, 2, 3, 4, 5])
    whole = in_brief(laws_NV, labels_N, tolerance=4e-3)
    monkeypatch.setattr(brief_laws, "POSITIONS_AT_ONCE", 2)
    parts = in_brief(laws_NV, labels_N, tolerance=4e-3)
    assert torch.equal(in_full(parts), in_full(whole))
