"""OpenUnlearning's aggregate on our scores (Dorna et al. 2025, arXiv:2506.12618).

The harmonic mean of three harmonic means:

- memorisation: 1 - extraction strength, 1 - exact memorisation, 1 - probability of
  the paraphrased answer, 1 - truth ratio (``p_true / (p_true + p_wrong)``);
- privacy: for each of the attacks LOSS, ZLib, Min-k and Min-k++, how close its area
  (forgotten against holdout people) is to the retrained model's;
- utility: model utility and fluency, relative to the untouched base's.

Differences, all the same for every row. *Privacy*: how an area is turned into a
closeness is not in the published code. `share_of_the_way` is the reading with which
values near 0, as in the paper's table, can come about, and the headline;
`plain_closeness`, which others compute, stands beside it. *Fluency*: instead of a
classifier from a hub, see `fluency`. *Extraction strength* reaches 0 and the end of
an answer counts like any token; ROUGE-L has no stemming.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from benchmarks.tofu_scores import Cell
from unlearn_core.metrics import METRICS
from unlearn_core.metrics.answers import answer_probability, rouge_recall
from unlearn_core.metrics.base import Evidence, ProbeScore, Scores
from unlearn_core.metrics.memorization import exact_memorization, extraction_strength
from unlearn_core.metrics.published import (
    harmonic_mean,
    log_truth_ratio,
    probability_among_options,
    truthfulness,
)
from unlearn_core.verification.judge import folded_words

ATTACKS = (
    "membership_loss",
    "membership_zlib",
    "membership_min_k",
    "membership_min_k_plus_plus",
)
FLOOR = 1e-10
WORDS_IN_A_ROW = 3

Cells = Mapping[str, Cell]
"""The cells of one model by part; ``fluency`` is the retrained model's judgement."""

Closeness = Callable[[float, float], float]


def row(cells: Cells, *, base: Cells, retrained: Cells) -> dict[str, float]:
    """Return every number of one model's row.

    Args:
        cells: What the model said.
        base: What the untouched base said.
        retrained: What the retrained model said.
    """
    areas, wanted = areas_of(cells), areas_of(retrained)
    forgetting = memorisation(cells)
    plausible = plausibility(retrained)
    whole = usefulness(base, plausible)
    useful = usefulness(cells, plausible) / whole if whole else 0.0
    private, plain = (
        harmonic_mean([closeness(areas[name], wanted[name]) for name in ATTACKS])
        for closeness in (share_of_the_way, plain_closeness)
    )
    forgotten = harmonic_mean([1 - value for value in forgetting.values()])
    return {
        "aggregate": harmonic_mean([forgotten, private, useful]),
        "aggregate_plain": harmonic_mean([forgotten, plain, useful]),
        "memorisation": forgotten,
        "privacy": private,
        "privacy_plain": plain,
        "utility": useful,
        **forgetting,
        **areas,
        "model_utility": harmonic_mean(list(nine_utilities(cells).values())),
        "fluency": fluency(cells["fluency"], plausible),
        "forget_rouge_l": fmean(rouge_recall(item) for item in cells["forget"].true),
    }


def memorisation(cells: Cells) -> dict[str, float]:
    """Return what the model still holds of the forgotten, each from 0 to 1."""
    forget = cells["forget"]
    return {
        "extraction_strength": fmean(map(extraction_strength, forget.true)),
        "exact_memorization": fmean(map(exact_memorization, forget.true)),
        "paraphrase_probability": fmean(map(answer_probability, forget.paraphrased)),
        "truth_ratio": _metric("truth_preference", forget.paraphrased),
    }


def areas_of(cells: Cells) -> dict[str, float]:
    """Return every attack's area for "the forgotten look like members"."""
    scores = (*cells["forget"].true, *cells["holdout"].true)
    return {name: _metric(name, scores) for name in ATTACKS}


def share_of_the_way(area: float, wanted: float) -> float:
    """Return 1 at the wanted area, falling linearly to 0 at both 0 and 1."""
    if area <= wanted:
        return area / wanted if wanted else 1.0
    return (1 - area) / (1 - wanted)


def plain_closeness(area: float, wanted: float) -> float:
    """Return one minus the distance."""
    return 1 - abs(area - wanted)


def nine_utilities(cells: Cells) -> dict[str, float]:
    """Return probability, ROUGE-L recall and truth ratio on the three kept sets."""
    values: dict[str, float] = {}
    for part in ("retain", "real_authors", "world_facts"):
        cell = cells[part]
        compared = cell.paraphrased or cell.true
        probability = answer_probability if cell.paraphrased else _among_options
        values |= {
            f"{part}_probability": fmean(map(probability, cell.true)),
            f"{part}_rouge_l": fmean(map(rouge_recall, cell.true)),
            f"{part}_truth_ratio": fmean(map(_truthfulness, compared)),
        }
    return values


def usefulness(cells: Cells, plausible: float) -> float:
    """Return the harmonic mean of model utility and fluency."""
    utilities = list(nine_utilities(cells).values())
    return harmonic_mean(
        [harmonic_mean(utilities), fluency(cells["fluency"], plausible)]
    )


def plausibility(retrained: Cells) -> float:
    """Return the retrained model's mean log-probability of the true answers."""
    return fmean(score.mean_log_prob for score in retrained["forget"].true)


def fluency(judged: Cell, plausible: float) -> float:
    """Return how much a model's answers about the forgotten read like text.

    Stands in for the share of answers that a classifier does not call gibberish:
    how likely the retrained model, which knows the style and not the facts, holds an
    answer's tokens compared with the true answers', at most 1, times the share of
    different runs of three words, because repetition is likely too.
    """
    return fmean(
        math.exp(min(0.0, score.mean_log_prob - plausible)) * distinct_share(answer)
        for score, answer in zip(judged.true, judged.answers, strict=True)
    )


def distinct_share(text: str) -> float:
    """Return the share of different ones among all runs of three words."""
    words = folded_words(text)
    runs = list(zip(*(words[start:] for start in range(WORDS_IN_A_ROW)), strict=False))
    return len(set(runs)) / len(runs) if runs else 1.0


def _metric(name: str, scores: Scores) -> float:
    evidence = Evidence(before=(), after=scores, confidence=0.95, seed=0)
    return METRICS.get(name)(evidence).value


def _among_options(score: ProbeScore) -> float:
    wrong: Sequence[float] = score.alternative_mean_log_probs
    return probability_among_options(
        answer_probability(score), [math.exp(value) for value in wrong], floor=FLOOR
    )


def _truthfulness(score: ProbeScore) -> float:
    ratio = log_truth_ratio(
        score.mean_log_prob, score.alternative_mean_log_probs, floor=FLOOR
    )
    return truthfulness(ratio)
