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
    },
)

RETAIN_TERMS: Registry[type[RetainTerm]] = Registry(
    kind="retain term",
    group="unlearn_core.retain_terms",
    builtins={
        "descent": "unlearn_core.objectives.retain:Descent",
        "kl": "unlearn_core.objectives.retain:KullbackLeibler",
        "log_ratio": "unlearn_core.objectives.retain:LogRatio",
    },
)
