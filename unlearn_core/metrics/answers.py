"""How likely are the true answers, and how much of them is said word for word?

Means over the subject's facts, without comparison to anybody: numbers to be set
beside other people's evaluations. Intervals: `bounded_mean` over facts.
"""

from collections.abc import Callable

import numpy as np

from unlearn_core.domain.datasets import Form, Group
from unlearn_core.domain.verdicts import MetricResult
from unlearn_core.metrics.base import (
    Evidence,
    MissingEvidenceError,
    ProbeScore,
    Scores,
    mean_per_fact,
    mean_per_person,
    of_group,
)
from unlearn_core.metrics.bounds import bounded_mean
from unlearn_core.metrics.published import harmonic_mean


def probability(evidence: Evidence) -> MetricResult:
    """Length-normalised probability of the subject's true answers."""
    return mean_over_facts(evidence, "probability", answer_probability)


def rouge_l(evidence: Evidence) -> MetricResult:
    """ROUGE-L recall of the greedy answers about the subject."""
    return mean_over_facts(evidence, "rouge_l", rouge_recall)


def knowledge_memorization(evidence: Evidence) -> MetricResult:
    """ROUGE-L F1 of the greedy answers to questions about the subject."""
    return _memorization(evidence, "knowledge_memorization", Form.QUESTION)


def verbatim_memorization(evidence: Evidence) -> MetricResult:
    """ROUGE-L F1 of greedy continuations of texts about the subject."""
    return _memorization(evidence, "verbatim_memorization", Form.CONTINUATION)


def model_utility(evidence: Evidence) -> MetricResult:
    """Harmonic mean of probability and ROUGE-L recall on retained people.

    Interval: that of the harmonic mean of both ends, each at half the error.
    """
    kept = of_group(evidence.after, Group.RETAINED)
    each = 1 - (1 - evidence.confidence) / 2
    means, lows, highs = [], [], []
    for value in (answer_probability, rouge_recall):
        people = list(mean_per_person(kept, value).values())
        low, high = bounded_mean(people, confidence=each)
        means.append(float(np.mean(people)))
        lows.append(low)
        highs.append(high)
    return evidence.result(
        "model_utility",
        harmonic_mean(means),
        harmonic_mean(lows),
        harmonic_mean(highs),
        count=len({score.ref for score in kept}),
    )


def answer_probability(score: ProbeScore) -> float:
    """Return the geometric mean of the true tokens' probabilities."""
    return float(np.exp(score.mean_log_prob))


def rouge_recall(score: ProbeScore) -> float:
    """Return the share of the true words that the greedy answer says in order.

    Raises:
        MissingEvidenceError: It was not measured.
    """
    return _measured(score.rouge_l_recall)


def rouge_f1(score: ProbeScore) -> float:
    """Return the F1 of ROUGE-L of the greedy answer.

    Raises:
        MissingEvidenceError: It was not measured.
    """
    return _measured(score.rouge_l_f1)


def mean_over_facts(
    evidence: Evidence,
    name: str,
    value: Callable[[ProbeScore], float],
    *,
    scores: Scores | None = None,
) -> MetricResult:
    """Average a value in [0, 1] over the subject's facts."""
    chosen = of_group(evidence.after, Group.SUBJECT) if scores is None else scores
    facts = mean_per_fact(chosen, value)
    low, high = bounded_mean(facts, confidence=evidence.confidence)
    return evidence.result(name, float(np.mean(facts)), low, high, count=len(facts))


def _memorization(evidence: Evidence, name: str, form: Form) -> MetricResult:
    subject = of_group(evidence.after, Group.SUBJECT)
    asked = tuple(score for score in subject if score.form is form)
    if not asked:
        raise MissingEvidenceError(form)
    return mean_over_facts(evidence, name, rouge_f1, scores=asked)


def _measured(value: float | None) -> float:
    if value is None:
        message = "no greedy answer was compared"
        raise MissingEvidenceError(message)
    return value
