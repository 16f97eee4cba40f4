"""The offset over tokens that a base tells, and a bound for those that it does not.

Legend: V vocabulary, K told tokens, U untold tokens.

A base elsewhere tells the log-probabilities of its likeliest tokens only. The offset is
known for every token, since the pair is here. With ``p`` the base's law, ``d`` alpha
times the pair's difference and ``w = exp(d)``, the law that should be served is
``q(v) = p(v) w(v) / (S + E)``, where S and E are the sums of ``p w`` over K and over U.
What can be served is the same law given K, ``p(v) w(v) / S``. The two differ by
``q(U) = E / (S + E)`` in total variation, which is how conditioning on a set always
differs from a law.

S is known. Of E is known that the untold probabilities add up to the rest
``r = 1 - p(K)`` and that none of them exceeds the smallest told one, c. The largest E
under these two conditions is a fractional knapsack (Dantzig 1957, "Discrete-variable
extremum problems"): give c to the untold tokens with the largest w, one after another,
until r is used up. No smaller number bounds E, given what was told.
"""

import torch
from torch import Tensor

ROUNDING = 1e-6
"""Probability by which a rest may be larger than the sum of what was told says: that
sum is of numbers in single precision. A sum above 1 tells that they are rougher."""

REFUSED = float("-inf")
"""What every token has in the law of a position that is refused."""


def excluded_bound(told_V: Tensor, offset_V: Tensor) -> float:
    """Bound what the law that should be served gives to untold tokens.

    Args:
        told_V: Log-probabilities of the base, negative infinity where untold. The told
            ones must be its likeliest.
        offset_V: Alpha times the pair's difference; a constant does not matter.

    Returns:
        A probability; NaN if the offset is none, or too large to tell the sums apart.
    """
    is_told_V = told_V > REFUSED
    if bool(is_told_V.all()):
        return 0.0
    told_K, offset_V = told_V[is_told_V].double(), offset_V.double()
    largest = offset_V.max()
    weights_U = (offset_V[~is_told_V] - largest).exp()
    kept = (told_K + offset_V[is_told_V] - largest).exp().sum()
    rest = abs(1.0 - float(told_K.exp().sum())) + ROUNDING
    cap = float(told_K.min().exp())
    full = int(min(len(weights_U), rest // cap)) if cap > 0 else len(weights_U)
    heaviest_U = weights_U.topk(min(full + 1, len(weights_U))).values
    lost = cap * heaviest_U[:full].sum()
    if full < len(weights_U):
        lost = lost + (rest - full * cap) * heaviest_U[full]
    return float(lost / (kept + lost))


def compose_restricted(
    told: Tensor, difference: Tensor, *, alpha: float, largest_excluded: float
) -> Tensor:
    """Compose the law that is served over told tokens.

    Args:
        told: Log-probabilities of the base, ``[..., V]``, negative infinity where
            untold.
        difference: Logits of the unlearned model minus those of the reference.
        alpha: Offset strength.
        largest_excluded: Largest bound that is admitted.

    Returns:
        Log-probabilities ``[..., V]``, negative infinity where untold; a position whose
        `excluded_bound` is larger has negative infinity everywhere.
    """
    offset = alpha * difference
    law = torch.log_softmax(told + offset, dim=-1)
    rows = (item.reshape(-1, law.shape[-1]) for item in (law, told, offset))
    for law_V, told_V, offset_V in zip(*rows, strict=True):
        # NaN of a broken pair stays NaN: it is a failure, and no refusal.
        is_broken = bool(law_V.isnan().any())
        if not (is_broken or excluded_bound(told_V, offset_V) <= largest_excluded):
            law_V.fill_(REFUSED)
    return law
