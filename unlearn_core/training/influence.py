"""Which stored texts taught a model some answers: likeness of gradients.

Source: TracIn, Pruthi et al. 2020, arXiv:2002.08484, for one checkpoint: a training
step on a text lowers the loss of an answer by the learning rate times the product of
their two gradients. The product is divided by the lengths of both, because a few texts
with large gradients would come first for every answer otherwise (Barshan et al. 2020,
arXiv:2003.11630; Hanawa et al. 2021, arXiv:2006.04528). What stays is the cosine.

It helps people to look for records that the search for names and numbers missed. It
is no evidence: a text without influence may still name the person.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.modeling.laws import PlainLaw, law_at_answers
from unlearn_core.modeling.tokens import TokenizedExample, answer_positions, collate


def influences(
    model: PreTrainedModel,
    texts: Sequence[TokenizedExample],
    answers: Sequence[TokenizedExample],
    *,
    pad_id: int,
) -> Iterator[float]:
    """Yield, text by text, how alike learning it and learning the answers are.

    Args:
        model: The model that learned the texts, or a small one that did; not changed.
        texts: What was learned, one gradient each.
        answers: The questions with the answers to be explained, at least one.
        pad_id: Id that fills up short rows.

    Yields:
        The cosine between the gradient of the text's loss and that of the mean loss
        of the answers, from -1 to 1; 0 for a text that teaches nothing.
    """
    explained_P = sum(
        (_gradient(model, item, pad_id=pad_id) for item in answers), torch.zeros(())
    )
    for text in texts:
        own_P = _gradient(model, text, pad_id=pad_id)
        yield float(torch.cosine_similarity(own_P, explained_P, dim=0))


def _gradient(
    model: PreTrainedModel, example: TokenizedExample, *, pad_id: int
) -> Tensor:
    """Return the gradient of the mean loss of an answer's tokens, in one row."""
    law = PlainLaw(model)
    batch = collate([example], pad_id=pad_id, maximum_tokens=law.maximum_tokens)
    batch = batch.to(law.device)
    weights = list(model.parameters())
    frozen = [item for item in weights if not item.requires_grad]
    for item in frozen:
        item.requires_grad = True
    try:
        labels_N = answer_positions(batch).labels_N
        loss = -law_at_answers(law, batch).gather(-1, labels_N[:, None]).mean()
        found = torch.autograd.grad(loss, weights)
    finally:
        for item in frozen:
            item.requires_grad = False
    return torch.cat([item.flatten() for item in found])
