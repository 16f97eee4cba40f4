"""Distances between laws of the next token, shared by several objectives.

Legend: N answer positions, V vocabulary. All are means over positions, in nats.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional


def kullback_leibler(target_NV: Tensor, served_NV: Tensor) -> Tensor:
    """Return the mean of KL(target || served)."""
    per_entry_NV = functional.kl_div(
        served_NV, target_NV, log_target=True, reduction="none"
    )
    return per_entry_NV.sum(-1).mean()


def jensen_shannon(target_NV: Tensor, served_NV: Tensor) -> Tensor:
    """Return the mean Jensen-Shannon divergence, between 0 and ln 2."""
    middle_NV = torch.logaddexp(target_NV, served_NV) - math.log(2)
    return 0.5 * (
        kullback_leibler(target_NV, middle_NV) + kullback_leibler(served_NV, middle_NV)
    )


def entropy(law_NV: Tensor) -> Tensor:
    """Return the mean entropy of a law."""
    return -(law_NV.exp() * law_NV).sum(-1).mean()


def log_ratio(
    target_NV: Tensor,
    served_NV: Tensor,
    *,
    remembered_NV: Tensor,
    labels_N: Tensor,
    label_weight: float,
) -> Tensor:
    """Return a distance of log-probabilities that also feels the tail.

    KL(target || served) hardly notices a token that the target holds unlikely, and
    a memory survives exactly there. So the squared log-ratio (Huber form, linear
    beyond one nat) is averaged with weights that are large both where the target
    puts its mass and where the base remembers::

        mean_n  sum_v  1/2 (p_target + p_remembered) h(log p_served - log p_target)
                + label_weight * h(the same at the true token)

    Source: this project; the label term is the log-probability matching of its
    first pilot. See docs/catalogue/twin.md.
    """
    weights_NV = target_NV.exp()
    if remembered_NV is not target_NV:
        weights_NV = weights_NV.add_(remembered_NV.exp()).mul_(0.5)
    # The true token's term is one more weight, so nothing of size NV is made for it.
    label_weights_N1 = weights_NV.new_full((len(labels_N), 1), label_weight)
    weights_NV.scatter_add_(-1, labels_N[:, None], label_weights_N1)
    spread_NV = functional.huber_loss(served_NV, target_NV, reduction="none")
    return torch.vdot(weights_NV.flatten(), spread_NV.flatten()) / len(labels_N)
