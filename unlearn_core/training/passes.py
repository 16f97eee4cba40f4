"""Passes of the small model that is trained.

Legend: B batch rows, T tokens, N answer positions, V vocabulary, D width.

- Rows of like length share a pass, so that little is padding.
- The output layer sees answer positions only.
- Every index is made on the CPU before the pass, so that nothing on a device is
  waited for.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.modeling.tokens import TokenizedExample, answer_positions, collate
from unlearn_core.modeling.weights import output_head

# One more pass costs about as much as so many tokens (docs/log.md).
TOKENS_OF_A_PASS = 256


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
    logits_NV = small_logits(model, examples, pad_id=pad_id, precision=precision)
    return torch.log_softmax(logits_NV, dim=-1)


def small_logits(
    model: PreTrainedModel,
    examples: Sequence[TokenizedExample],
    *,
    pad_id: int,
    precision: str,
) -> Tensor:
    """Return what `small_laws` normalises: float32 logits ``[N, V]``."""
    order = sorted(range(len(examples)), key=lambda row: len(examples[row]))
    with torch.autocast(
        model.device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"
    ):
        hidden_ND = torch.cat(
            [
                _hidden(model, [examples[row] for row in rows], pad_id=pad_id)
                for rows in _of_like_length(order, [len(item) for item in examples])
            ]
        )
        back_N = _places(order, [len(item.answer) for item in examples])
        logits_NV: Tensor = output_head(model)(hidden_ND[_on(back_N, model)])
    return logits_NV.float()


def _hidden(
    model: PreTrainedModel, examples: Sequence[TokenizedExample], *, pad_id: int
) -> Tensor:
    """Return the last hidden states ``[N, D]`` at answer positions."""
    batch = collate(
        examples,
        pad_id=pad_id,
        maximum_tokens=model.config.max_position_embeddings,
    )
    answers_N = answer_positions(batch).mask_BT.flatten().nonzero()[:, 0]
    hidden_BTD: Tensor = model.base_model(
        input_ids=_on(batch.input_ids_BT, model),
        attention_mask=_on(batch.attention_mask_BT, model),
        use_cache=False,
    ).last_hidden_state
    return hidden_BTD.flatten(0, 1)[_on(answers_N, model)]


def _of_like_length(
    order: Sequence[int], lengths: Sequence[int]
) -> Iterator[Sequence[int]]:
    """Cut rows in order of length wherever that saves more than a pass costs."""

    def saved(cut: int) -> int:
        return cut * (lengths[order[-1]] - lengths[order[cut - 1]])

    cut = max(range(1, len(order)), key=saved, default=0)
    if not cut or saved(cut) <= TOKENS_OF_A_PASS:
        yield order
        return
    yield from _of_like_length(order[:cut], lengths)
    yield from _of_like_length(order[cut:], lengths)


def _places(order: Sequence[int], counts: Sequence[int]) -> Tensor:
    """Return where the positions of each row stand when rows come in an order."""
    starts = [0] * len(order)
    begin = 0
    for row in order:
        starts[row] = begin
        begin += counts[row]
    return torch.tensor(
        [
            place
            for start, count in zip(starts, counts, strict=True)
            for place in range(start, start + count)
        ]
    )


def _on(tensor: Tensor, model: PreTrainedModel) -> Tensor:
    """Copy to the model's device without waiting for it."""
    return tensor.to(model.device, non_blocking=True)
