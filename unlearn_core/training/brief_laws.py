"""Laws in brief: the likeliest tokens of each position, and one number for the rest.

Legend: N answer positions, M some of them, K told tokens, V vocabulary.

Over a real vocabulary a law takes a hundred kilobytes a position, and of a text that
a model knows most positions are certain. So each position tells as few tokens as will
do, by the error that is measured for it, and is kept whole where no count would. What
is left goes to the other tokens in equal parts: spread as a small model would, it is
further off (docs/log.md). The true token is always told, however unlikely it is.
"""

from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import Tensor

COUNTS = (16, 64, 256, 1024, 4096)
"""How many tokens a position may tell beside the true one."""

POSITIONS_AT_ONCE = 128
SMALLEST_REST = 1e-9
"""What tokens that are not told share at least: none of them is impossible."""

ERROR = "error"
_WHOLE = "whole"
_PLACES, _IDS, _TOLD = "places", "ids", "told"


def law_errors(law_NV: Tensor, kept_NV: Tensor) -> Tensor:
    """Return each position's mean of |log p - log p_kept| under p ``[N]``, in nats.

    It bounds the Kullback-Leibler divergence, which is the same without the bars.
    """
    distance_NV = law_NV.exp() * (law_NV - kept_NV).abs()
    # A token that both hold impossible is no error.
    return distance_NV.nan_to_num(nan=0.0).sum(-1)


def in_brief(
    law_NV: Tensor, labels_N: Tensor, *, tolerance: float
) -> dict[str, Tensor]:
    """Return tensors from which `in_full` makes nearly the same law.

    Args:
        law_NV: Log-probabilities of at least one position.
        labels_N: The true tokens.
        tolerance: Largest error of a position that is not kept whole, in nats.

    Returns:
        For each count ``k`` the positions ``places/k`` that tell so many tokens, and
        their ``ids/k`` and ``told/k``; ``places/whole`` and ``told/whole`` of those
        that tell everything; ``error``, the largest one. Values are in half precision.
    """
    law_NV, labels_N = law_NV.detach().float().cpu(), labels_N.cpu()
    vocabulary = law_NV.shape[-1]
    # An id takes as much room as a value, so half of the tokens are no saving.
    counts = [count for count in COUNTS if 2 * count < vocabulary]
    parts: dict[str, list[Tensor]] = defaultdict(list)
    for some_M in torch.split(torch.arange(len(law_NV)), POSITIONS_AT_ONCE):
        places_M = some_M
        for count in counts:
            rows_MV = law_NV[places_M]
            best_MK = rows_MV.topk(count).indices
            ids_MK = torch.cat([best_MK, labels_N[places_M, None]], dim=-1)
            told_MK = rows_MV.gather(-1, ids_MK).half()
            kept_MV = _completed(ids_MK, told_MK, vocabulary=vocabulary)
            is_near_M = law_errors(rows_MV, kept_MV) <= tolerance
            parts[f"{_PLACES}/{count}"].append(places_M[is_near_M])
            parts[f"{_IDS}/{count}"].append(_small(ids_MK[is_near_M], vocabulary))
            parts[f"{_TOLD}/{count}"].append(told_MK[is_near_M])
            places_M = places_M[~is_near_M]
        parts[f"{_PLACES}/{_WHOLE}"].append(places_M)
        parts[f"{_TOLD}/{_WHOLE}"].append(law_NV[places_M].half())
    tensors = {name: torch.cat(pieces) for name, pieces in parts.items()}
    return tensors | {ERROR: law_errors(law_NV, in_full(tensors)).max()}


def in_full(tensors: Mapping[str, Tensor]) -> Tensor:
    """Return the law ``[N, V]`` that `in_brief` kept, in float32."""
    whole_MV = tensors[f"{_TOLD}/{_WHOLE}"]
    places = {
        name.removeprefix(f"{_PLACES}/"): item
        for name, item in tensors.items()
        if name.startswith(_PLACES)
    }
    vocabulary = whole_MV.shape[-1]
    law_NV = torch.empty(sum(map(len, places.values())), vocabulary)
    law_NV[places.pop(_WHOLE)] = whole_MV.float()
    for count, places_M in places.items():
        law_NV[places_M] = _completed(
            tensors[f"{_IDS}/{count}"].long(),
            tensors[f"{_TOLD}/{count}"],
            vocabulary=vocabulary,
        )
    return law_NV


def _completed(ids_MK: Tensor, told_MK: Tensor, *, vocabulary: int) -> Tensor:
    """Spread what was not told evenly; return a law ``[M, V]``."""
    shape = (len(ids_MK), vocabulary)
    # A token may be told twice, as one of the likeliest and as the true one.
    is_told_MV = torch.zeros(shape, dtype=torch.bool).scatter(-1, ids_MK, value=True)
    law_MV = torch.full(shape, -torch.inf).scatter(-1, ids_MK, told_MK.float())
    rest_M1 = 1 - law_MV.exp().sum(-1, keepdim=True)
    others_M1 = (~is_told_MV).sum(-1, keepdim=True)
    even_M1 = (rest_M1.clamp_min(SMALLEST_REST) / others_M1).log()
    return torch.where(is_told_MV, law_MV, even_M1).log_softmax(-1)


def _small(ids: Tensor, vocabulary: int) -> Tensor:
    """Return ids in as few bytes as their vocabulary allows."""
    return ids.to(torch.uint16 if vocabulary <= 2**16 else torch.int32)
