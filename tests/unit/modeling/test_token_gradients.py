import pytest
import torch
from support.models import constant_law, llama, llama_config, token_rows

from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.token_gradients import open_parts, token_gradients
from unlearn_core.modeling.tokens import Batch, answer_positions, collate
from unlearn_core.verification.attacks import MixedLaw

VOCABULARY = 12
STEP = 0.002
CONFIG = llama_config(vocabulary=VOCABULARY)
BASE, UNLEARNED, REFERENCE = (llama(seed, CONFIG) for seed in range(3))
SERVED = OffsetModel(BASE, unlearned=UNLEARNED, reference=REFERENCE, alpha=1.5)
MIXED = MixedLaw((PlainLaw(BASE), 2.0), (PlainLaw(UNLEARNED), -1.0))
ROWS = collate(
    token_rows(([3, 4, 5], [6, 7]), ([8, 9], [10])), pad_id=0, maximum_tokens=8
)


def loss_of(law: NextTokenLaw, batch: Batch) -> torch.Tensor:
    """Return every row's mean loss, written out."""
    laws_BTV = law(batch.input_ids_BT, attention_mask_BS=batch.attention_mask_BT)
    found = answer_positions(batch)
    own_N = laws_BTV[found.mask_BT].gather(-1, found.labels_N[:, None])[:, 0]
    return torch.stack([-own_N[found.row_N == row].mean() for row in range(2)])


def blended(law: NextTokenLaw, share: float) -> torch.Tensor:
    """Return losses with a share of token 2 in the embedding of token 4."""
    matrices = [
        next(part.model.get_input_embeddings().parameters()) for part in open_parts(law)
    ]
    kept = [matrix[4].clone() for matrix in matrices]
    for matrix in matrices:
        matrix[4] += share * (matrix[2] - matrix[4])
    losses_B = loss_of(law, ROWS)
    for matrix, row in zip(matrices, kept, strict=True):
        matrix[4] = row
    return losses_B


@pytest.mark.parametrize("law", [PlainLaw(BASE), SERVED, MIXED])
def test_a_small_step_along_an_embedding_changes_the_loss_as_told(
    law: NextTokenLaw,
) -> None:
    """Blend a little of token 2 into the second token, and a little out of it."""
    gradients_BTV = token_gradients(law, ROWS)
    assert gradients_BTV.shape == (2, 5, VOCABULARY)
    told = float(gradients_BTV[0, 1, 2] - gradients_BTV[0, 1, 4])
    ahead, back = blended(law, STEP), blended(law, -STEP)
    found = float(ahead[0] - back[0]) / (2 * STEP)
    assert found == pytest.approx(told, rel=0.05)
    assert abs(told) > 0.01
    assert float(ahead[1]) == pytest.approx(float(back[1]))


def test_no_gradient_is_left_at_the_weights() -> None:
    model = llama(0, CONFIG).requires_grad_()
    assert token_gradients(PlainLaw(model), ROWS).any()
    assert all(weight.grad is None for weight in model.parameters())


def test_a_model_that_has_no_part_in_a_law_has_none_in_its_gradient() -> None:
    own = PlainLaw(BASE)
    law = MixedLaw((own, 1.0), (PlainLaw(UNLEARNED), 0.0))
    torch.testing.assert_close(token_gradients(law, ROWS), token_gradients(own, ROWS))


def test_a_model_whose_embeddings_are_laid_out_elsewhere_is_closed() -> None:
    away = llama(0, CONFIG)
    away.get_input_embeddings().to("meta")
    assert open_parts(PlainLaw(away)) == ()


def test_what_comes_after_the_answer_has_no_part_in_it() -> None:
    gradients_BTV = token_gradients(SERVED, ROWS)
    assert not gradients_BTV[0, 4].any()
    assert not gradients_BTV[1, 2:].any()
    assert gradients_BTV[1, 1].any()


def test_gradients_are_refused_where_a_model_cannot_be_looked_into() -> None:
    closed = MixedLaw((PlainLaw(BASE), 1.0), (constant_law(*[1 / 12] * 12), 1.0))
    assert open_parts(closed) == ()
    with pytest.raises(ValueError, match="every model"):
        token_gradients(closed, ROWS)
