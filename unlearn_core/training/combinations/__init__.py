"""Combinations: weight arithmetic that makes one unlearned model of several trainings.

Third parties add more through the entry-point group named here.
"""

from unlearn_core.registry import Registry
from unlearn_core.training.combinations.base import Combination

COMBINATIONS: Registry[type[Combination]] = Registry(
    kind="combination",
    group="unlearn_core.combinations",
    package=__name__,
    builtins={
        "negation": ".negation:Negation",
        "spunge": ".spunge:SplitAndMerge",
        "fusion": ".fusion:Fusion",
        "orthogonal": ".orthogonal:Orthogonal",
    },
)
