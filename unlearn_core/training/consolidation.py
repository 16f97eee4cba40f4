"""What earlier requests erased, held without their text.

Legend: E examples, N answer positions, V vocabulary.

A later training moves the weights that hide earlier subjects, and their forget sets
are gone. What stays is how much each weight matters for them (elastic weight
consolidation, Kirkpatrick et al. 2017, arXiv:1612.00796, equation 3)::

    loss' = loss + weight / 2 * sum_i F_i (theta_i - theta_before_i)^2

F is a sum over the requests so far, around the weights of the version before, not one
term for each (Schwarz et al. 2018, arXiv:1805.06370, section 4, with gamma 1).

There F is the Fisher information: squared gradients for answers that the model draws.
Ours are for the *true* answers. An erased answer has hardly any probability, so the
model never draws it, and that it comes back hardly shows in a divergence.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.errors import EmptyForgetSetError, IntegrityError
from unlearn_core.modeling.offset import add_unlearned, fixed_part
from unlearn_core.training.passes import small_logits
from unlearn_core.training.targets import AnswerTable

Importance = Mapping[str, Tensor]
"""How much each weight matters: one tensor for each parameter, of its shape."""


class ImportanceInvalidError(IntegrityError):
    """What is kept of earlier erasures does not belong to this model."""

    code = "importance_invalid"
    summary = "the kept importance of weights cannot be used with this model"
    next_step = (
        "Restore the custody store from a backup; without it, set hold_weight to 0 "
        "and expect that earlier erasures weaken with every further request."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Keeps a training near the version before where earlier erasures need it.

    Attributes:
        importance: How much each weight matters for them.
        weight: What that counts beside the other losses.
    """

    importance: Importance
    weight: float

    def penalty(self, model: PreTrainedModel, *, before: PreTrainedModel) -> Tensor:
        """Return what is added to the loss, ``[]``, with gradients.

        Args:
            model: The model that is trained.
            before: Where its training started.
        """
        origin = dict(before.named_parameters())
        parts = [
            (self.importance[name] * (now - origin[name]).square()).sum()
            for name, now in model.named_parameters()
            if now.requires_grad
        ]
        return self.weight / 2 * torch.stack(parts).sum()


def importance_of(
    unlearned: PreTrainedModel, forget: AnswerTable, *, alpha: float, pad_id: int
) -> Importance:
    """Return how much each weight matters for the answers of a forget set.

    For every example the gradient of the mean log-probability of its true answer's
    tokens under the served law, squared; the mean over examples. Examples pass one by
    one, because squares of sums are not sums of squares.

    Args:
        unlearned: The trained model of the pair; left as it is.
        forget: The forget set with the laws of base and reference.
        alpha: Offset strength that the pair is served with.
        pad_id: Id that fills up short rows.

    Raises:
        EmptyForgetSetError: There is no example.
    """
    if not len(forget):
        raise EmptyForgetSetError
    model = copy.deepcopy(unlearned).requires_grad_(requires_grad=True)
    weights = dict(model.named_parameters())
    sums = {name: torch.zeros_like(item) for name, item in weights.items()}
    for value in _true_answers(model, forget, alpha=alpha, pad_id=pad_id):
        gradients = torch.autograd.grad(value, list(weights.values()))
        for name, gradient in zip(weights, gradients, strict=True):
            sums[name].addcmul_(gradient, gradient, value=1 / len(forget))
    return sums


def added(earlier: Importance | None, own: Importance) -> Importance:
    """Return the importance for earlier requests and for one more.

    That for earlier ones is lost where the unlearned model has another shape now.
    """
    if earlier is None or not _is_of_shape(earlier, own):
        return own
    return {name: earlier[name] + item for name, item in own.items()}


def pack_importance(importance: Importance) -> bytes:
    """Return an importance as one safetensors file, float32."""
    return save_safetensors(
        {
            name: item.detach().to("cpu", torch.float32).contiguous()
            for name, item in importance.items()
        }
    )


def unpack_importance(data: bytes, *, model: PreTrainedModel) -> Importance:
    """Read `pack_importance`'s bytes, for a model and onto its device.

    Raises:
        ImportanceInvalidError: The file is not readable, has other tensors than the
            model has weights, or a value that no mean of squares has.
    """
    try:
        importance = load_safetensors(data)
    except SafetensorError:
        raise ImportanceInvalidError(problem="file") from None
    if not _is_of_shape(importance, dict(model.named_parameters())):
        raise ImportanceInvalidError(problem="shapes")
    if not all(
        item.dtype == torch.float32 and bool((item.isfinite() & (item >= 0)).all())
        for item in importance.values()
    ):
        raise ImportanceInvalidError(problem="a value is not a mean of squares")
    return {name: item.to(model.device) for name, item in importance.items()}


def _is_of_shape(importance: Importance, weights: Mapping[str, Tensor]) -> bool:
    """Tell whether there is one tensor for each weight, of its shape."""
    return {name: item.shape for name, item in importance.items()} == {
        name: item.shape for name, item in weights.items()
    }


def _true_answers(
    model: PreTrainedModel, table: AnswerTable, *, alpha: float, pad_id: int
) -> Iterator[Tensor]:
    """Yield the mean log-probability of each example's answer, in nats."""
    fixed_NV = fixed_part(table.base_NV, table.reference_NV, alpha=alpha)
    for row, example in enumerate(table.examples):
        where_N = table.positions_of([row]).to(fixed_NV.device)
        own_NV = small_logits(model, [example], pad_id=pad_id, precision="float32")
        served_NV = add_unlearned(fixed_NV[where_N], own_NV, alpha=alpha)
        yield served_NV.gather(-1, table.labels_N[where_N, None]).mean()
