import pytest
import torch
from torch import Tensor

from unlearn_core.training import chunks
from unlearn_core.training.chunks import mean_in_chunks

TARGET_NV = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))


def squares(part_NV: Tensor, where: slice) -> Tensor:
    """Return a mean over positions; nothing about one concerns another."""
    return (part_NV - TARGET_NV[where]).square().sum(-1).mean()


@pytest.mark.parametrize("entries", [1, 10, 15, 10_000])
def test_chunks_give_loss_and_gradient_of_the_whole(
    entries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks of one, two, three and all seven positions; a later factor counts."""
    monkeypatch.setitem(chunks.ENTRIES_AT_ONCE, "cpu", entries)
    whole, parts = (torch.ones(7, 5, requires_grad=True) for _ in range(2))
    expected = squares(whole, slice(None))
    found = mean_in_chunks(squares, parts)
    for loss in (expected, found):
        (3 * loss).backward()  # type: ignore[no-untyped-call]  # untyped upstream
    torch.testing.assert_close(found, expected)
    assert whole.grad is not None
    torch.testing.assert_close(parts.grad, whole.grad)


def test_a_loss_that_is_not_a_number_stays_visible() -> None:
    logits = torch.ones(7, 5, requires_grad=True)
    loss = mean_in_chunks(
        lambda part_NV, where: squares(part_NV, where) / (where.start == 99),
        logits,
    )
    assert not bool(torch.isfinite(loss))
