from typing import Any

import pytest
import torch
from support.models import llama, token_rows
from torch import Tensor

from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.training import passes
from unlearn_core.training.passes import small_laws
from unlearn_core.training.targets import answer_laws

ROWS = token_rows(((5, 6, 7), (40, 41)), ((5,), (42,)))


def test_the_law_is_that_of_the_model_at_its_answers() -> None:
    found = small_laws(llama(1), ROWS, pad_id=0, precision="float32")
    expected = answer_laws(PlainLaw(llama(1)), ROWS, pad_id=0)
    torch.testing.assert_close(found, expected)


def test_gradients_reach_the_model_and_half_precision_stays_near() -> None:
    model = llama(1).requires_grad_(requires_grad=True)
    half = small_laws(model, ROWS, pad_id=0, precision="bfloat16")
    full = small_laws(model, ROWS, pad_id=0, precision="float32")
    assert half.dtype == torch.float32
    assert not torch.equal(half, full)
    torch.testing.assert_close(half, full, rtol=0.1, atol=0.1)
    full.sum().backward()  # type: ignore[no-untyped-call]  # untyped upstream
    assert all(item.grad is not None for item in model.parameters())


MANY = token_rows(
    *(
        (tuple(range(1, 2 + length)), tuple(range(40, 41 + length % 3)))
        for length in (30, 2, 31, 3, 29, 2, 30, 1)
    )
)


@pytest.mark.parametrize(("tokens", "expected"), [(0, 6), (40, 2), (10_000, 1)])
def test_rows_of_like_length_share_a_pass_and_keep_their_order(
    tokens: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long and short rows by turns: two passes, more if a pass cost nothing."""
    found: list[int] = []
    hidden = passes._hidden

    def counted(*given: Any, **named: Any) -> Tensor:  # noqa: ANN401 - passed on
        found.append(len(given[1]))
        return hidden(*given, **named)

    monkeypatch.setattr(passes, "_hidden", counted)
    monkeypatch.setattr(passes, "TOKENS_OF_A_PASS", tokens)
    laws_NV = small_laws(llama(1), MANY, pad_id=0, precision="float32")
    assert len(found) == expected
    one_by_one = [
        small_laws(llama(1), [row], pad_id=0, precision="float32") for row in MANY
    ]
    torch.testing.assert_close(laws_NV, torch.cat(one_by_one))
