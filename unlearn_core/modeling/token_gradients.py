"""How an answer's likelihood would change if other tokens were put into the prompt.

Legend: B batch rows, T tokens, D width, V vocabulary.

A token is a row of each model's embedding matrix, picked by a one-hot vector; the
gradient with respect to that vector tells, to first order, what every other token in
its place would do. It is taken through the whole law, so through base and pair at once.

Source: Ebrahimi et al. 2018, arXiv:1712.06751 (HotFlip); as a step of a search for
suffixes, Zou et al. 2023, arXiv:2307.15043, section 2.2.
"""

import torch
from torch import Tensor

from unlearn_core.modeling.laws import ComposedLaw, NextTokenLaw, PlainLaw
from unlearn_core.modeling.together import parts_of
from unlearn_core.modeling.tokens import Batch, answer_positions


def open_parts(law: NextTokenLaw) -> tuple[PlainLaw, ...]:
    """Return the models behind a law; none if one of them cannot be looked into.

    A model whose embeddings are laid out elsewhere cannot.
    """
    parts = parts_of(law)
    plain = tuple(
        part
        for part in parts
        if isinstance(part, PlainLaw) and not _embeddings(part).is_meta
    )
    return plain if len(plain) == len(parts) else ()


def token_gradients(law: NextTokenLaw, batch: Batch) -> Tensor:
    """Return the gradient of every row's loss with respect to its one-hot tokens.

    The loss of a row is the mean negative log-probability of its answer, in nats per
    token.

    Args:
        law: A law all of whose models are open, see `open_parts`.
        batch: Prompts with their answers.

    Returns:
        ``[B, T, V]``, float32; the smaller, the more a token in that place would help.

    Raises:
        ValueError: A model of the law cannot be looked into.
    """
    parts = open_parts(law)
    if not parts:
        message = "gradients need every model of the law"
        raise ValueError(message)
    inputs = [_embedded(part, batch) for part in parts]
    with torch.enable_grad():
        said = [
            _log_probs(part, input_BTD, batch).to(law.device)
            for part, input_BTD in zip(parts, inputs, strict=True)
        ]
        served_BTV = law.compose(said) if isinstance(law, ComposedLaw) else said[0]
        # Not `backward`, which would leave gradients at the models' own weights.
        gradients = torch.autograd.grad(
            _loss(served_BTV, batch), inputs, materialize_grads=True
        )
    found = [
        (gradient_BTD @ _embeddings(part).mT).float().to(law.device)
        for part, gradient_BTD in zip(parts, gradients, strict=True)
    ]
    return torch.stack(found).sum(dim=0)


def _embeddings(part: PlainLaw) -> Tensor:
    """Return the matrix whose rows are the tokens, ``[V, D]``."""
    (weight_VD,) = part.model.get_input_embeddings().parameters()
    return weight_VD.detach()


def _embedded(part: PlainLaw, batch: Batch) -> Tensor:
    """Return the embeddings of all tokens, which gradients are taken for."""
    matrix = part.model.get_input_embeddings()
    found_BTD: Tensor = matrix(batch.input_ids_BT.to(part.device))
    return found_BTD.detach().requires_grad_()


def _log_probs(part: PlainLaw, input_BTD: Tensor, batch: Batch) -> Tensor:
    output = part.model(
        inputs_embeds=input_BTD,
        attention_mask=batch.attention_mask_BT.to(part.device),
        use_cache=False,
    )
    return torch.log_softmax(output.logits.float(), dim=-1)


def _loss(served_BTV: Tensor, batch: Batch) -> Tensor:
    """Return the sum over rows of the mean loss of their answers."""
    found = answer_positions(batch)
    rows_N = found.row_N.to(served_BTV.device)
    labels_N = found.labels_N.to(served_BTV.device)
    laws_NV = served_BTV[found.mask_BT.to(served_BTV.device)]
    own_N = laws_NV.gather(-1, labels_N[:, None])[:, 0]
    lengths_B = torch.bincount(rows_N, minlength=len(served_BTV))
    return -(own_N / lengths_B[rows_N]).sum()
