"""Schemes: the ways in which the two small models of an offset pair come about.

Whatever the scheme, what is stored is a pair and what is served is
``log_softmax(base + alpha (unlearned - reference))``. Third parties add more through
the entry-point group named here.
"""

from typing import TYPE_CHECKING

from unlearn_core.registry import Registry

if TYPE_CHECKING:  # a scheme knows recipes, and recipes know the names of schemes
    from unlearn_core.training.schemes.base import Scheme

SCHEMES: "Registry[type[Scheme]]" = Registry(
    kind="scheme",
    group="unlearn_core.schemes",
    package=__name__,
    builtins={
        "delta": ".delta:Delta",
        "divergence": ".divergence:Divergence",
        "assistant": ".assistant:Assistant",
        "misdirection": ".misdirection:Misdirection",
    },
)
