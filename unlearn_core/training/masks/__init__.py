"""Parameter masks: which weights of the unlearned model are trained.

Third parties add more through the entry-point group named here.
"""

from unlearn_core.registry import Registry
from unlearn_core.training.masks.base import ParameterMask

MASKS: Registry[type[ParameterMask]] = Registry(
    kind="parameter mask",
    group="unlearn_core.masks",
    builtins={
        "all": "unlearn_core.training.masks.structural:Everything",
        "layers": "unlearn_core.training.masks.structural:Layers",
        "wagle": "unlearn_core.training.masks.wagle:WeightAttribution",
        "pcgu": "unlearn_core.training.masks.pcgu:ContrastiveGradients",
        "depn": "unlearn_core.training.masks.depn:PrivacyNeurons",
    },
)
