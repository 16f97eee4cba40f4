"""Teaches a small model rows of text by itself, for attacks and calibrations."""

import random
from collections.abc import Sequence

import torch
from transformers import PreTrainedModel

from unlearn_core.modeling.tokens import TokenizedExample, collate
from unlearn_core.modeling.weights import frozen


def taught(
    model: PreTrainedModel,
    rows: Sequence[TokenizedExample],
    *,
    steps: int,
    at_once: int,
    learning_rate: float,
    pad_id: int,
    seed: int,
) -> PreTrainedModel:
    """Train a model on answers by cross-entropy and AdamW; it is changed and frozen.

    Args:
        model: The model, in whichever mode it shall learn.
        rows: Prompts with the answers to be learned.
        steps: Steps of the optimiser.
        at_once: Rows in one step, drawn anew each time.
        learning_rate: Of AdamW.
        pad_id: Id that fills up short rows.
        seed: Seed of the draws.
    """
    optimiser = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    rng = random.Random(seed)
    longest = int(model.config.max_position_embeddings)
    for _ in range(steps):
        chosen = rng.sample(list(rows), min(at_once, len(rows)))
        batch = collate(chosen, pad_id=pad_id, maximum_tokens=longest).to(model.device)
        loss = model(
            input_ids=batch.input_ids_BT,
            attention_mask=batch.attention_mask_BT,
            labels=batch.labels_BT,
        ).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return frozen(model)
