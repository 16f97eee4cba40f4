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
    package=__name__,
    builtins={
        "gradient_ascent": ".gradient_ascent:GradientAscent",
        "npo": ".npo:NegativePreference",
        "name_swap": ".name_swap:NameSwap",
        "twin": ".twin:TwinMatching",
        "simnpo": ".simnpo:SimpleNegativePreference",
        "wga": ".weighted_ascent:WeightedAscent",
        "satimp": ".weighted_ascent:SaturationImportance",
        "npo_entropy": ".entropic:EntropicNegativePreference",
        "maximum_entropy": ".entropic:MaximumEntropy",
        "undial": ".tilting:SelfDistillation",
        "ceu": ".tilting:OwnLawWithoutTruth",
        "idk": ".refusal:Refusal",
        "idk_dpo": ".refusal:RefusalPreference",
        "altpo": ".refusal:AlternativePreference",
        "jensun": ".refusal:JensenShannonRefusal",
        "flat_tv": ".flat:FlatTotalVariation",
        "flat_kl": ".flat:FlatKullbackLeibler",
        "flat_pearson": ".flat:FlatPearson",
        "random_mismatch": ".mixes:RandomMismatch",
        "adversarial_sample": ".mixes:AdversarialSample",
        "pdu": ".pdu:PrimalDual",
        "e2urec": ".reinforced:ForcedTeacher",
        "whos_harry_potter": ".reinforced:GenericPrediction",
        "eul": ".eul:Divergence",
    },
)

RETAIN_TERMS: Registry[type[RetainTerm]] = Registry(
    kind="retain term",
    group="unlearn_core.retain_terms",
    package=__name__,
    builtins={
        "descent": ".retain:Descent",
        "kl": ".retain:KullbackLeibler",
        "log_ratio": ".retain:LogRatio",
        "descent_kl": ".retain:DescentWithDivergence",
        "descent_entropy": ".retain:DescentWithEntropy",
        "answer_preservation": ".retain:AnswerPreservation",
        "jensen_shannon": ".retain:JensenShannon",
        "none": ".retain:Nothing",
    },
)
