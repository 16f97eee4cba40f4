"""Do the control people deserve their part as a yardstick?

The two-sided test is exact if the subject, once forgotten, is exchangeable with the
control people. Two consequences can be tested without the subject, with the model as
it was before the request.

- *They are of one kind.* People from the beginning and from the end of the reserved
  source must look alike to a model that saw neither. Halves drawn at random would
  always look alike, so the source's own order makes the halves.
- *They were never trained.* A reserved person who got into the training data looks
  like the people who are in it, and widens the yardstick until a remembered subject
  fits.
"""

from scipy import stats

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import MetricResult
from unlearn_core.metrics.base import Evidence
from unlearn_core.metrics.indistinguishability import person_statistics
from unlearn_core.metrics.intervals import clopper_pearson

LIKE_TRAINED = 0.05


def control_exchangeability(evidence: Evidence) -> MetricResult:
    """P-value that the first and the second half of the control people are alike.

    The conformal p-values of one half among the other are uniform if both are
    exchangeable; their greatest distance from uniform is the statistic D of
    Kolmogorov and Smirnov, whose law is known exactly (ties make the p-value larger).
    With fewer than eight people the p-value cannot reach 5 %.
    """
    controls = person_statistics(evidence.before, Group.CONTROL)
    ordered = [controls[ref] for ref in sorted(controls, key=_place)]
    middle = len(ordered) // 2
    first, second = ordered[:middle], ordered[middle:]
    p_value = float(stats.ks_2samp(first, second).pvalue) if first else 1.0
    return evidence.result(
        "control_exchangeability", p_value, p_value, p_value, count=len(ordered)
    )


def control_contamination(evidence: Evidence) -> MetricResult:
    """Share of control people who look as if they had been trained on.

    A control person counts if a one-sided conformal test among the retained people
    does not find them unlikely, at the 5 % level. Interval: Clopper-Pearson.
    """
    trained = person_statistics(evidence.before, Group.RETAINED).values()
    controls = person_statistics(evidence.before, Group.CONTROL)
    alike = sum(
        (1 + sum(known <= value for known in trained)) / (len(trained) + 1)
        > LIKE_TRAINED
        for value in controls.values()
    )
    low, high = clopper_pearson(alike, len(controls), confidence=evidence.confidence)
    return evidence.result(
        "control_contamination", alike / len(controls), low, high, count=len(controls)
    )


def _place(ref: str) -> tuple[int, str]:
    """Return where a person stands in the source: refs end in their number."""
    number = ref.rpartition("-")[2]
    return (int(number) if number.isdecimal() else 0, ref)
