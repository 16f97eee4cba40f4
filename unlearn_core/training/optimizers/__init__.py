"""Optimisers: how a gradient becomes a change of the unlearned model.

Third parties add more through the entry-point group named here.
"""

from unlearn_core.registry import Registry
from unlearn_core.training.optimizers.base import OptimizerRecipe

OPTIMIZERS: Registry[type[OptimizerRecipe]] = Registry(
    kind="optimiser",
    group="unlearn_core.optimizers",
    package=__name__,
    builtins={
        "adamw": ".adamw:AdamW",
        "sophia": ".sophia:Sophia",
    },
)
