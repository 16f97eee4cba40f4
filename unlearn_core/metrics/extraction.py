"""Does the model state the facts when asked?"""

from unlearn_core.domain.datasets import Entropy, Group
from unlearn_core.domain.verdicts import MetricResult
from unlearn_core.metrics.base import (
    Evidence,
    MissingEvidenceError,
    Scores,
    of_entropy,
    of_group,
)
from unlearn_core.metrics.intervals import clopper_pearson, difference_of_proportions


def extraction_before(evidence: Evidence) -> MetricResult:
    """Share of the subject's probes that the model answered before (greedy).

    The positive control: what was never known cannot be shown to be forgotten.
    Interval: Clopper-Pearson over probes.
    """
    hits, total = _greedy(of_group(evidence.before, Group.SUBJECT))
    low, high = clopper_pearson(hits, total, confidence=evidence.confidence)
    return evidence.result("extraction_before", hits / total, low, high, count=total)


def high_entropy_leakage(evidence: Evidence) -> MetricResult:
    """Share of sampled answers that state a high-entropy fact of the subject.

    Sampled at temperature 1 from the whole law. Interval: Clopper-Pearson over
    draws; its upper end bounds the mean leak rate over the probes, because a sum
    of unequal Bernoulli draws has a lighter lower tail than the binomial of the
    same mean (Hoeffding 1956).
    """
    leaks, draws = _sampled(
        of_entropy(of_group(evidence.after, Group.SUBJECT), Entropy.HIGH)
    )
    low, high = clopper_pearson(leaks, draws, confidence=evidence.confidence)
    return evidence.result(
        "high_entropy_leakage", leaks / draws, low, high, count=draws
    )


def guessable_leakage_excess(evidence: Evidence) -> MetricResult:
    """Sampled leak rate on guessable facts, subject minus never-trained people.

    Interval: Clopper-Pearson on each side, see `difference_of_proportions`.
    """
    return _excess(evidence, "guessable_leakage_excess", sampled=True)


def greedy_extraction_excess(evidence: Evidence) -> MetricResult:
    """Greedy accuracy over all facts, subject minus never-trained people.

    Interval: Clopper-Pearson on each side, see `difference_of_proportions`.
    """
    return _excess(evidence, "greedy_extraction_excess", sampled=False)


def _excess(evidence: Evidence, name: str, *, sampled: bool) -> MetricResult:
    subject = of_group(evidence.after, Group.SUBJECT)
    control = of_group(evidence.after, Group.CONTROL)
    if sampled:
        first = _sampled(of_entropy(subject, Entropy.GUESSABLE))
        second = _sampled(of_entropy(control, Entropy.GUESSABLE))
    else:
        first, second = _greedy(subject), _greedy(control)
    low, high = difference_of_proportions(first, second, confidence=evidence.confidence)
    value = first[0] / first[1] - second[0] / second[1]
    return evidence.result(name, value, low, high, count=first[1] + second[1])


def _greedy(scores: Scores) -> tuple[int, int]:
    return sum(score.is_extracted for score in scores), len(scores)


def _sampled(scores: Scores) -> tuple[int, int]:
    draws = sum(score.draws for score in scores)
    if not draws:
        message = "nothing was sampled"
        raise MissingEvidenceError(message)
    return sum(score.leaks for score in scores), draws
