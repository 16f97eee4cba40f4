"""Training objectives: pure functions of next-token laws at answer positions.

`FORGET_OBJECTIVES` say what shall happen on the forget set, `RETAIN_TERMS` what
shall stay on everything else. Third parties add more through the entry-point
groups named here.
"""

from unlearn_core.objectives.base import ForgetObjective, RetainTerm
from unlearn_core.registry import Registry

FORGET_OBJECTIVES: Registry[type[ForgetObjective]] = Registry(
    kind="forget objective",
    group="unlearn_core.forget_objectives",
    builtins={
        "gradient_ascent": "unlearn_core.objectives.gradient_ascent:GradientAscent",
        "npo": "unlearn_core.objectives.npo:NegativePreference",
        "name_swap": "unlearn_core.objectives.name_swap:NameSwap",
        "twin": "unlearn_core.objectives.twin:TwinMatching",
        "simnpo": "unlearn_core.objectives.simnpo:SimpleNegativePreference",
        "wga": "unlearn_core.objectives.weighted_ascent:WeightedAscent",
        "satimp": "unlearn_core.objectives.weighted_ascent:SaturationImportance",
        "npo_entropy": "unlearn_core.objectives.entropic:EntropicNegativePreference",
        "maximum_entropy": "unlearn_core.objectives.entropic:MaximumEntropy",
        "undial": "unlearn_core.objectives.tilting:SelfDistillation",
        "ceu": "unlearn_core.objectives.tilting:OwnLawWithoutTruth",
        "idk": "unlearn_core.objectives.refusal:Refusal",
        "idk_dpo": "unlearn_core.objectives.refusal:RefusalPreference",
        "altpo": "unlearn_core.objectives.refusal:AlternativePreference",
        "jensun": "unlearn_core.objectives.refusal:JensenShannonRefusal",
        "flat_tv": "unlearn_core.objectives.flat:FlatTotalVariation",
        "flat_kl": "unlearn_core.objectives.flat:FlatKullbackLeibler",
        "flat_pearson": "unlearn_core.objectives.flat:FlatPearson",
        "random_mismatch": "unlearn_core.objectives.mixes:RandomMismatch",
        "adversarial_sample": "unlearn_core.objectives.mixes:AdversarialSample",
        "pdu": "unlearn_core.objectives.pdu:PrimalDual",
        "e2urec": "unlearn_core.objectives.reinforced:ForcedTeacher",
        "whos_harry_potter": "unlearn_core.objectives.reinforced:GenericPrediction",
        "eul": "unlearn_core.objectives.eul:Divergence",
    },
)

RETAIN_TERMS: Registry[type[RetainTerm]] = Registry(
    kind="retain term",
    group="unlearn_core.retain_terms",
    builtins={
        "descent": "unlearn_core.objectives.retain:Descent",
        "kl": "unlearn_core.objectives.retain:KullbackLeibler",
        "log_ratio": "unlearn_core.objectives.retain:LogRatio",
        "descent_kl": "unlearn_core.objectives.retain:DescentWithDivergence",
        "descent_entropy": "unlearn_core.objectives.retain:DescentWithEntropy",
        "answer_preservation": "unlearn_core.objectives.retain:AnswerPreservation",
        "jensen_shannon": "unlearn_core.objectives.retain:JensenShannon",
        "none": "unlearn_core.objectives.retain:Nothing",
    },
)
