"""Drawing people who stay by how much they have lost.

Of the examples of a retain set most are safe at any time, and a few are about to be
lost; drawn by chance, those are hardly ever seen. So a share of each batch is drawn
with probabilities proportional to the divergence of what is served from what shall
stay, looked at anew every few steps (importance sampling by loss, as in Katharopoulos
and Fleuret 2018, arXiv:1803.00942, but without their weights: what is lost shall count
more).

Legend: E examples.
"""

import math
import random
from collections.abc import Sequence

LOOK_EVERY_STEPS = 25
"""How long a look is good for. Checkpoints are multiples, so resumed runs agree."""

_LEAST = 1e-6


def refocused(
    rows: Sequence[int],
    losses_E: Sequence[float],
    *,
    share: float,
    rng: random.Random,
) -> list[int]:
    """Return drawn rows with a share of them replaced by those that have lost most.

    Args:
        rows: Rows that were drawn by chance.
        losses_E: What each row of the table has lost, in nats.
        share: Which part of the rows is drawn by loss.
        rng: Where chance comes from.

    Returns:
        As many rows, none of them twice.
    """
    by_loss = drawn_by_weight(losses_E, count=round(share * len(rows)), rng=rng)
    return list(dict.fromkeys((*by_loss, *rows)))[: len(rows)]


def drawn_by_weight(
    weights: Sequence[float], *, count: int, rng: random.Random
) -> list[int]:
    """Draw places without replacement, with probabilities proportional to weights.

    The smallest of exponential waiting times, which is the method of Efraimidis and
    Spirakis 2006, doi:10.1016/j.ipl.2005.11.003. Weights of zero or less, as rounding
    makes them, count as next to nothing.
    """
    waits = [-math.log(1 - rng.random()) / max(weight, _LEAST) for weight in weights]
    return sorted(range(len(weights)), key=waits.__getitem__)[:count]
