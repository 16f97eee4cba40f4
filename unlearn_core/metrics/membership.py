"""Could an outsider tell that the subject was, or was not, in the training data?

Each attack gives a fact a score that is larger the more it looks trained on. The
metric is the area under the ROC curve between the subject's facts and those of
never-trained people: 0.5 says that the attack sees nothing, 1 that the subject is
remembered, 0 that the subject is conspicuously unknown. Intervals: `area_interval`,
facts being the units; with eight facts they are wide, which is the truth.
"""

from collections.abc import Callable, Sequence
from statistics import fmean

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import MetricResult
from unlearn_core.metrics.base import (
    Evidence,
    MissingEvidenceError,
    ProbeScore,
    mean_per_fact,
    of_group,
)
from unlearn_core.metrics.bounds import area_interval
from unlearn_core.metrics.published import (
    area_under_curve,
    lowest_mean,
    privacy_leakage,
)

NO_REFERENCE = 0.5


def membership_loss(evidence: Evidence) -> MetricResult:
    """Attack by the mean log-probability of the answer's tokens."""
    return _attack(evidence, "membership_loss", lambda score: score.mean_log_prob)


def membership_zlib(evidence: Evidence) -> MetricResult:
    """Attack by the mean log-probability over the compressed size of the answer."""
    return _attack(evidence, "membership_zlib", _per_compressed_byte)


def membership_min_k(evidence: Evidence) -> MetricResult:
    """Attack by the least likely 40% of the answer's tokens."""
    return _attack(evidence, "membership_min_k", _min_k)


def membership_min_k_plus_plus(evidence: Evidence) -> MetricResult:
    """Attack by the least likely 40% of the tokens, standardised under the law."""
    return _attack(
        evidence,
        "membership_min_k_plus_plus",
        lambda score: lowest_mean(_tokens(score.token_z_scores)),
    )


def membership_reference(evidence: Evidence) -> MetricResult:
    """Attack by the change since the model before this request.

    The reference model is the version before: what an outsider has who asked
    earlier and asks again.
    """
    if len(evidence.before) != len(evidence.after):
        message = "the two models were not asked the same"
        raise MissingEvidenceError(message)
    earlier = {
        id(after): before.mean_log_prob
        for before, after in zip(evidence.before, evidence.after, strict=True)
    }
    return _attack(
        evidence,
        "membership_reference",
        lambda score: score.mean_log_prob - earlier[id(score)],
    )


def membership_spv(evidence: Evidence) -> MetricResult:
    """Attack by how a true answer stands out, calibrated by the model's own words.

    The score of a fact is how much likelier its answers are than answers around them,
    under the served law less the same under a model that learned from that law.
    """
    facts: dict[Group, dict[tuple[str, str], list[float]]] = {}
    for item in evidence.variations:
        own = facts.setdefault(item.group, {}).setdefault((item.ref, item.field), [])
        own.append(item.served - item.calibrating)
    subject, controls = (
        [fmean(values) for values in facts.get(group, {}).values()]
        for group in (Group.SUBJECT, Group.CONTROL)
    )
    if not subject or not controls:
        message = "nothing was calibrated"
        raise MissingEvidenceError(message)
    return _area(evidence, "membership_spv", subject, controls)


def privacy_leakage_without_retraining(evidence: Evidence) -> MetricResult:
    """PrivLeak in percent by the Min-K% attack, against an area of 0.5.

    Never-trained people are exchangeable with what the subject would be, so 0.5
    stands for the retrained model that nobody has.
    """
    attack = membership_min_k(evidence)
    value, low, high = (
        privacy_leakage(area, NO_REFERENCE)
        for area in (attack.value, attack.high, attack.low)
    )
    return evidence.result("privacy_leakage", value, low, high, count=attack.count)


def _attack(
    evidence: Evidence, name: str, value: Callable[[ProbeScore], float]
) -> MetricResult:
    subject = mean_per_fact(of_group(evidence.after, Group.SUBJECT), value)
    controls = mean_per_fact(of_group(evidence.after, Group.CONTROL), value)
    return _area(evidence, name, subject, controls)


def _area(
    evidence: Evidence, name: str, subject: Sequence[float], controls: Sequence[float]
) -> MetricResult:
    area = area_under_curve(subject, controls)
    low, high = area_interval(
        area, len(subject), len(controls), confidence=evidence.confidence
    )
    return evidence.result(name, area, low, high, count=len(subject) + len(controls))


def _min_k(score: ProbeScore) -> float:
    return lowest_mean(_tokens(score.token_log_probs))


def _per_compressed_byte(score: ProbeScore) -> float:
    if not score.compressed_bytes:
        message = "the answer's size is not known"
        raise MissingEvidenceError(message)
    return score.mean_log_prob / score.compressed_bytes


def _tokens(values: Sequence[float]) -> Sequence[float]:
    if not values:
        message = "an answer without tokens"
        raise MissingEvidenceError(message)
    return values
