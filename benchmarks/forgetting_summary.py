"""From measured cells to one row of the table, with what chance may have done.

Two units are used, and said with every bound. A *person* either was trained on or was
not, so people are the unit of ``auc``. The *facts* of a person of the small world are
drawn independently of each other, so facts are the unit of ``ks``; what people have
in common under one trained model is not in its bound.
"""

import math
from collections.abc import Sequence
from statistics import fmean

import numpy as np
from scipy.stats import ks_2samp

from benchmarks.forgetting_cells import Cell
from unlearn_core.domain.datasets import Group
from unlearn_core.metrics.base import Floats

CONFIDENCE = 0.95
RESAMPLES = 2000

Summary = dict[str, float | list[float]]


def summary(cells: Sequence[Cell], retrained: Sequence[Cell]) -> Summary:
    """Return one number per column, and an interval for ``auc``.

    Args:
        cells: The subjects under one model or objective.
        retrained: The same subjects, in the same order, under the retrained model.
    """
    facts = [value for cell in cells for value in cell.facts]
    others = [value for cell in retrained for value in cell.facts]
    distance = float(ks_2samp(facts, others).statistic)
    return {
        "forget": _share(cells, Group.SUBJECT),
        "retain": _share(cells, Group.RETAINED),
        "near": _share(cells, Group.NEIGHBOUR),
        "ks": distance,
        "ks_bound": min(1.0, distance + ks_reach(len(facts))),
        "auc": area(cells),
        "auc_interval": list(area_interval(cells)),
        "leak100": fmean(leaked for cell in cells for leaked in cell.leaked),
    }


def ks_reach(facts: int) -> float:
    """Return by how much the true distance may exceed the measured one.

    One-sided, with 95% confidence, for the same independent facts under two models.
    The measured distance is no smaller than the true one on average (Jensen), and one
    fact moves it by at most 2/n, so it falls short by more than t with probability at
    most ``exp(-t^2 n / 2)``: McDiarmid 1989, theorem of bounded differences. For two
    independent samples of one law that is the inequality of Dvoretzky, Kiefer and
    Wolfowitz up to constants.
    """
    return math.sqrt(2 * math.log(1 / (1 - CONFIDENCE)) / facts)


def area(cells: Sequence[Cell]) -> float:
    """Return how likely a subject is to look likelier than a control person.

    Each subject is compared with the controls under the same model; ties count half.
    """
    return fmean(
        float(np.mean(_wins(cell, list(cell.controls.values())))) for cell in cells
    )


def area_interval(cells: Sequence[Cell]) -> tuple[float, float]:
    """Return the percentile bootstrap interval of `area`; people are the unit.

    Subjects and control people are drawn anew within each world. A control person
    stands beside several subjects, so drawing the person, not the comparison, keeps
    what those comparisons have in common (Bamber 1975; Efron and Tibshirani 1993,
    chapter 13).
    """
    worlds: dict[int, list[Cell]] = {}
    for cell in cells:
        worlds.setdefault(cell.world, []).append(cell)
    rng = np.random.default_rng(0)
    drawn = [_resampled(own, rng) for own in worlds.values()]
    means = np.concatenate(drawn, axis=1).mean(axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def _resampled(cells: Sequence[Cell], rng: np.random.Generator) -> Floats:
    """Return the areas of redrawn subjects against redrawn controls, one row a draw."""
    people = sorted({person for cell in cells for person in cell.controls})
    wins = np.array(
        [
            _wins(cell, [cell.controls.get(person) for person in people])
            for cell in cells
        ]
    )
    there = ~np.isnan(wins)
    rows = []
    for _ in range(RESAMPLES):
        weight = np.bincount(
            rng.integers(0, len(people), len(people)), minlength=len(people)
        )
        areas = np.nansum(wins * weight, axis=1) / np.maximum(1, there @ weight)
        rows.append(areas[rng.integers(0, len(cells), len(cells))])
    return np.array(rows)


def _wins(cell: Cell, controls: Sequence[float | None]) -> list[float]:
    """Return 1 where the subject is likelier than a control, NaN for nobody."""
    own = cell.statistic
    return [
        math.nan if value is None else (own > value) + (own == value) / 2
        for value in controls
    ]


def _share(cells: Sequence[Cell], group: Group) -> float:
    return fmean(true for cell in cells for true in cell.true.get(group, ()))
