"""Passes of the small model that is trained.

Legend: N answer positions, V vocabulary, D width.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.modeling.tokens import TokenizedExample, answer_positions, collate
from unlearn_core.modeling.weights import output_head


def small_laws(
    model: PreTrainedModel,
    examples: Sequence[TokenizedExample],
    *,
    pad_id: int,
    precision: str,
) -> Tensor:
    """Return a model's law ``[N, V]`` at all answer positions, with gradients.

    Args:
        model: The model.
        examples: Token ids, in the order of the positions.
        pad_id: Id that fills up short rows.
        precision: ``float32`` or ``bfloat16`` for the pass; the law is float32.
    """
    device = model.device
    batch = collate(
        examples,
        pad_id=pad_id,
        maximum_tokens=model.config.max_position_embeddings,
    ).to(device)
    half = precision == "bfloat16"
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
        hidden_BTD = model.base_model(
            input_ids=batch.input_ids_BT, attention_mask=batch.attention_mask_BT
        ).last_hidden_state
        logits_NV = output_head(model)(hidden_BTD[answer_positions(batch).mask_BT])
    return torch.log_softmax(logits_NV.float(), dim=-1)
