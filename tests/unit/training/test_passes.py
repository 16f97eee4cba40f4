import torch
from support.models import llama, token_rows

from unlearn_core.modeling.laws import PlainLaw
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
