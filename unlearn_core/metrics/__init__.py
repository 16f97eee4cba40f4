"""Measurements of forgetting and keeping, each with an interval.

`METRICS` maps names to functions of `Evidence`; third parties add more through the
entry-point group named here.
"""

from unlearn_core.metrics.base import Metric
from unlearn_core.registry import Registry

ATTACKS = frozenset(
    {
        "in_context_extraction_excess",
        "int8_extraction_excess",
        "reversed_offset_extraction",
        "strength_sweep_excess",
        "version_contrast_extraction",
        "weakened_offset_extraction",
    }
)
"""Metrics for which the artifact has to be attacked."""

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
        "control_exchangeability": (
            "unlearn_core.metrics.exchangeability:control_exchangeability"
        ),
        "control_contamination": (
            "unlearn_core.metrics.exchangeability:control_contamination"
        ),
        "retain_accuracy_change": (
            "unlearn_core.metrics.utility:retain_accuracy_change"
        ),
        "neighbour_accuracy_change": (
            "unlearn_core.metrics.utility:neighbour_accuracy_change"
        ),
        "retain_accuracy_bound": "unlearn_core.metrics.utility:retain_accuracy_bound",
        "neighbour_accuracy_bound": (
            "unlearn_core.metrics.utility:neighbour_accuracy_bound"
        ),
        "retain_shift": "unlearn_core.metrics.utility:retain_shift",
        "control_shift": "unlearn_core.metrics.utility:control_shift",
        "probability": "unlearn_core.metrics.answers:probability",
        "rouge_l": "unlearn_core.metrics.answers:rouge_l",
        "knowledge_memorization": (
            "unlearn_core.metrics.answers:knowledge_memorization"
        ),
        "verbatim_memorization": "unlearn_core.metrics.answers:verbatim_memorization",
        "model_utility": "unlearn_core.metrics.answers:model_utility",
        "truth_ratio": "unlearn_core.metrics.truth_ratio:truth_ratio_closeness",
        "truth_preference": "unlearn_core.metrics.truth_ratio:truth_preference",
        "forget_quality": "unlearn_core.metrics.truth_ratio:forget_quality",
        "leak_at_10": "unlearn_core.metrics.sampling:leak_at_10",
        "sampled_recall": "unlearn_core.metrics.sampling:sampled_recall",
        "sampled_recall_deviation": (
            "unlearn_core.metrics.sampling:sampled_recall_deviation"
        ),
        "membership_loss": "unlearn_core.metrics.membership:membership_loss",
        "membership_zlib": "unlearn_core.metrics.membership:membership_zlib",
        "membership_min_k": "unlearn_core.metrics.membership:membership_min_k",
        "membership_min_k_plus_plus": (
            "unlearn_core.metrics.membership:membership_min_k_plus_plus"
        ),
        "membership_reference": "unlearn_core.metrics.membership:membership_reference",
        "in_context_extraction_excess": (
            "unlearn_core.metrics.attacks:in_context_extraction_excess"
        ),
        "int8_extraction_excess": (
            "unlearn_core.metrics.attacks:int8_extraction_excess"
        ),
        "reversed_offset_extraction": (
            "unlearn_core.metrics.attacks:reversed_offset_extraction"
        ),
        "strength_sweep_excess": ("unlearn_core.metrics.attacks:strength_sweep_excess"),
        "version_contrast_extraction": (
            "unlearn_core.metrics.attacks:version_contrast_extraction"
        ),
        "weakened_offset_extraction": (
            "unlearn_core.metrics.attacks:weakened_offset_extraction"
        ),
        "privacy_leakage": (
            "unlearn_core.metrics.membership:privacy_leakage_without_retraining"
        ),
    },
)
