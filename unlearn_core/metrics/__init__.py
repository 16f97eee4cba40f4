"""Measurements of forgetting and keeping, each with an interval.

`METRICS` maps names to functions of `Evidence`; third parties add more through the
entry-point group named here.
"""

from unlearn_core.metrics.base import Metric
from unlearn_core.registry import Registry

SEARCHES = frozenset({"prompt_search_excess", "suffix_search_excess"})
"""Metrics for which words have to be searched, with the policy's budget."""

RELEARNED = frozenset({"relearning_extraction_excess"})
"""Metrics for which copies of the unlearned model have to be trained."""

ATTACKS = (
    SEARCHES
    | RELEARNED
    | frozenset(
        {
            "in_context_extraction_excess",
            "int4_extraction_excess",
            "int8_extraction_excess",
            "latent_supervised_excess",
            "latent_unsupervised_excess",
            "logit_lens_excess",
            "logit_lens_rise_excess",
            "reference_alone_extraction",
            "reversed_offset_extraction",
            "strength_sweep_excess",
            "truncated_base_excess",
            "version_contrast_extraction",
            "weakened_offset_extraction",
        }
    )
)
"""Metrics for which the artifact has to be attacked."""

GUARDED = frozenset({"guard_knowledge_change", "guard_safety_change"})
"""Metrics for which public questions have to be asked."""

FAMILIAL = frozenset({"family_extraction_excess"})
"""Metrics for which the policy's probe families have to be asked."""

P_VALUES = frozenset({"control_exchangeability", "forget_quality", "two_sided_p"})
"""Metrics whose value is the p-value of a test."""

CALIBRATED = frozenset({"membership_spv"})
"""Metrics for which a small model has to learn from what the served law says."""

METRICS: Registry[Metric] = Registry(
    kind="metric",
    group="unlearn_core.metrics",
    package=__name__,
    builtins={
        "extraction_before": ".extraction:extraction_before",
        "high_entropy_leakage": ".extraction:high_entropy_leakage",
        "guessable_leakage_excess": ".extraction:guessable_leakage_excess",
        "greedy_extraction_excess": ".extraction:greedy_extraction_excess",
        "exact_memorization_excess": ".memorization:exact_memorization_excess",
        "extraction_strength_excess": ".memorization:extraction_strength_excess",
        "truth_ratio_excess": ".truth_ratio:truth_ratio_excess",
        "two_sided_p": ".indistinguishability:two_sided_p",
        "two_sided_power": ".indistinguishability:two_sided_power",
        "control_exchangeability": ".exchangeability:control_exchangeability",
        "control_contamination": ".exchangeability:control_contamination",
        "retain_accuracy_change": ".utility:retain_accuracy_change",
        "neighbour_accuracy_change": ".utility:neighbour_accuracy_change",
        "retain_accuracy_bound": ".utility:retain_accuracy_bound",
        "neighbour_accuracy_bound": ".utility:neighbour_accuracy_bound",
        "retain_refusal_change": ".utility:retain_refusal_change",
        "retain_shift": ".utility:retain_shift",
        "control_shift": ".utility:control_shift",
        "guard_knowledge_change": ".guards:guard_knowledge_change",
        "guard_safety_change": ".guards:guard_safety_change",
        "probability": ".answers:probability",
        "rouge_l": ".answers:rouge_l",
        "knowledge_memorization": ".answers:knowledge_memorization",
        "verbatim_memorization": ".answers:verbatim_memorization",
        "model_utility": ".answers:model_utility",
        "truth_ratio": ".truth_ratio:truth_ratio_closeness",
        "truth_preference": ".truth_ratio:truth_preference",
        "forget_quality": ".truth_ratio:forget_quality",
        "leak_at_10": ".sampling:leak_at_10",
        "leak_at_100": ".sampling:leak_at_100",
        "sampled_recall": ".sampling:sampled_recall",
        "sampled_recall_deviation": ".sampling:sampled_recall_deviation",
        "membership_loss": ".membership:membership_loss",
        "membership_zlib": ".membership:membership_zlib",
        "membership_min_k": ".membership:membership_min_k",
        "membership_min_k_plus_plus": ".membership:membership_min_k_plus_plus",
        "membership_reference": ".membership:membership_reference",
        "membership_spv": ".membership:membership_spv",
        "canary_exposure": ".exposure:canary_exposure",
        "unlearning_lira": ".likelihood_ratio:unlearning_lira",
        "unlearning_lira_worst": ".likelihood_ratio:unlearning_lira_worst",
        "two_way_distance": ".two_way:two_way_distance",
        "in_context_extraction_excess": ".attacks:in_context_extraction_excess",
        "int4_extraction_excess": ".attacks:int4_extraction_excess",
        "int8_extraction_excess": ".attacks:int8_extraction_excess",
        "reference_alone_extraction": ".attacks:reference_alone_extraction",
        "relearning_extraction_excess": ".attacks:relearning_extraction_excess",
        "reversed_offset_extraction": ".attacks:reversed_offset_extraction",
        "strength_sweep_excess": ".attacks:strength_sweep_excess",
        "truncated_base_excess": ".attacks:truncated_base_excess",
        "version_contrast_extraction": ".attacks:version_contrast_extraction",
        "weakened_offset_extraction": ".attacks:weakened_offset_extraction",
        "family_extraction_excess": ".families:family_extraction_excess",
        "latent_supervised_excess": ".attacks:latent_supervised_excess",
        "latent_unsupervised_excess": ".attacks:latent_unsupervised_excess",
        "logit_lens_excess": ".attacks:logit_lens_excess",
        "logit_lens_rise_excess": ".attacks:logit_lens_rise_excess",
        "suffix_search_excess": ".attacks:suffix_search_excess",
        "prompt_search_excess": ".attacks:prompt_search_excess",
        "privacy_leakage": ".membership:privacy_leakage_without_retraining",
    },
)
