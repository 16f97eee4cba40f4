"""Twin matching: be to the subject what the model is to a never-trained person.

The teacher is the base model's law about a *twin*, a person reserved before
training, with the twin's own values; it is mapped back to the subject token by
token. So a value that the base would utter to anybody because it was trained on
(an e-mail address, say) is forgotten as well, which a mere swap of names leaves
behind. The distance is `divergences.log_ratio`. Source: this project,
docs/catalogue/twin.md.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from unlearn_core.objectives.base import AnswerLaws, Teacher, require_weights
from unlearn_core.objectives.divergences import log_ratio
from unlearn_core.objectives.tilting import lowered


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinMatching:
    """Minimise the log-ratio distance to the twin's law.

    Attributes:
        label_weight: Weight of the true token's own term.
        margin: How far below the twin's the true tokens' logits shall come to lie, in
            nats: in words that training has not seen they come out that much higher.
    """

    label_weight: float = 0.1
    margin: float = 0.0
    teacher: ClassVar[Teacher] = Teacher.TWIN
    mean_over_positions: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse to raise what shall be forgotten.

        Raises:
            ValueError: A hyperparameter is negative or not finite.
        """
        require_weights(label_weight=self.label_weight, margin=self.margin)

    def __call__(self, laws: AnswerLaws) -> Tensor:
        """Return the mean distance."""
        target_NV = laws.target_NV
        if self.margin:
            target_NV = lowered(target_NV, laws.labels_N, by=self.margin)
        return log_ratio(
            target_NV,
            laws.served_NV,
            remembered_NV=laws.base_NV,
            labels_N=laws.labels_N,
            label_weight=self.label_weight,
        )
