"""Parameter masks: which weights of the unlearned model are trained.

Third parties add more through the entry-point group named here.
"""

from unlearn_core.registry import Registry
from unlearn_core.training.masks.base import ParameterMask

MASKS: Registry[type[ParameterMask]] = Registry(
    kind="parameter mask",
    group="unlearn_core.masks",
    package=__name__,
    builtins={
        "all": ".structural:Everything",
        "layers": ".structural:Layers",
        "wagle": ".wagle:WeightAttribution",
        "pcgu": ".pcgu:ContrastiveGradients",
        "depn": ".depn:PrivacyNeurons",
    },
)
