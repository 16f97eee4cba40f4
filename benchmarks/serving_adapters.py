"""A part of `benchmarks.serving`: pairs that were trained by adapters.

Such a pair runs in two ways: with full matrices, as any other, or with the matrices of
the reference and thin ones beside them, as served (`modeling.low_rank`). Steps of both
are timed in turn, without a base.
"""

import statistics
import time
from collections.abc import Mapping
from typing import Any

import torch

from benchmarks.serving_models import Size, adapted, planted
from unlearn_core.modeling.pairs import FusedPair
from unlearn_core.modeling.row_cache import step_at

RANKS = 16
SIZES = (
    Size(width=224, layers=2, inner=608, heads=4),
    Size(width=576, layers=4, inner=1536, heads=9),
    Size(width=1024, layers=4, inner=2816, heads=16),
)
CPU = torch.device("cpu")
CLOSE = 1e-4
"""Largest difference of the two ways, in float32."""


def time_adapters(
    size: Size, *, vocabulary: int, rows: tuple[int, ...], steps: int
) -> dict[str, Any]:
    """Return what thin matrices take, as shares of what full ones do."""
    reference = planted(size, torch.randperm(vocabulary), seed=1)
    unlearned = adapted(reference, ranks=RANKS)
    began = time.perf_counter()
    thin = FusedPair(unlearned, reference)
    seconds = time.perf_counter() - began
    pairs = {"thin": thin, "full": FusedPair(unlearned, reference, maximum_ranks=0)}
    timed, largest = {}, 0.0
    for count in rows:
        times, difference = _time(pairs, rows=count, steps=steps)
        timed[str(count)] = round(times["thin"] / times["full"], 3)
        largest = max(largest, difference)
    return {
        "width": size.width,
        "parameters": round(thin.parameters / pairs["full"].parameters, 3),
        "step": timed,
        "largest_difference": largest,
        "equal": largest <= CLOSE,
        "fusing_seconds": round(seconds, 2),
    }


def _time(
    pairs: Mapping[str, FusedPair], *, rows: int, steps: int
) -> tuple[dict[str, float], float]:
    """Return median seconds of a step in each way, and the largest difference."""
    running = {name: pair.rows() for name, pair in pairs.items()}
    seconds: dict[str, list[float]] = {name: [] for name in pairs}
    largest = 0.0
    for number in range(steps + 1):
        ids_BT = torch.arange(number, number + rows)[:, None] + 1
        step = step_at(slice(0, rows), [number] * rows, [1] * rows, device=CPU)
        given = []
        for name, own in running.items():
            began = time.thread_time()
            given.append(own.difference(ids_BT, step, first=-1))
            seconds[name].append(time.thread_time() - began)
        largest = max(largest, float((given[0] - given[1]).abs().max()))
    medians = {
        name: statistics.median(values[1:])  # the first one warms up
        for name, values in seconds.items()
    }
    return medians, largest
