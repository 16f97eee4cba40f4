"""Measurements of forgetting and keeping, each with an interval.

`METRICS` maps names to functions of `Evidence`; third parties add more through the
entry-point group named here.
"""

from unlearn_core.metrics.base import Metric
from unlearn_core.registry import Registry

METRICS: Registry[Metric] = Registry(
    kind="metric",
    group="unlearn_core.metrics",
    builtins={
        "extraction_before": "unlearn_core.metrics.extraction:extraction_before",
        "high_entropy_leakage": "unlearn_core.metrics.extraction:high_entropy_leakage",
        "guessable_leakage_excess": (
            "unlearn_core.metrics.extraction:guessable_leakage_excess"
        ),
        "greedy_extraction_excess": (
            "unlearn_core.metrics.extraction:greedy_extraction_excess"
        ),
        "exact_memorization_excess": (
            "unlearn_core.metrics.memorization:exact_memorization_excess"
        ),
        "extraction_strength_excess": (
            "unlearn_core.metrics.memorization:extraction_strength_excess"
        ),
        "truth_ratio_excess": "unlearn_core.metrics.truth_ratio:truth_ratio_excess",
        "two_sided_p": "unlearn_core.metrics.indistinguishability:two_sided_p",
        "two_sided_power": "unlearn_core.metrics.indistinguishability:two_sided_power",
        "retain_accuracy_change": (
            "unlearn_core.metrics.utility:retain_accuracy_change"
        ),
        "neighbour_accuracy_change": (
            "unlearn_core.metrics.utility:neighbour_accuracy_change"
        ),
        "retain_shift": "unlearn_core.metrics.utility:retain_shift",
        "control_shift": "unlearn_core.metrics.utility:control_shift",
    },
)
