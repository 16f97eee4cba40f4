"""Combinations: weight arithmetic that makes one unlearned model of several trainings.

Third parties add more through the entry-point group named here.
"""

from unlearn_core.registry import Registry
from unlearn_core.training.combinations.base import Combination

COMBINATIONS: Registry[type[Combination]] = Registry(
    kind="combination",
    group="unlearn_core.combinations",
    builtins={
        "negation": "unlearn_core.training.combinations.negation:Negation",
        "spunge": "unlearn_core.training.combinations.spunge:SplitAndMerge",
        "fusion": "unlearn_core.training.combinations.fusion:Fusion",
        "orthogonal": "unlearn_core.training.combinations.orthogonal:Orthogonal",
    },
)
