"""An offset pair that runs beside the base: fused into one model, or as two.

Legend: B rows, T tokens, H width, V vocabulary.

`FusedPair` runs both halves in one forward pass of 2B rows, unlearned and reference in
turn. A layer that is the same in both sees all rows, and so does one that differs by
few ranks, as adapters do: half of the rows get two thin products more (`low_rank`).
One that differs otherwise multiplies them by two stacked matrices. One product with
the head gives the difference of the logits: of the difference of the hidden states if
the head is shared, since the head is linear, else of both states side by side.

What cannot be fused that way, another architecture or a head with a soft cap, is
found by trying and runs as `SeparatePair`.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from unlearn_core.modeling.low_rank import MAXIMUM_RANKS, LowRankLinear, factors_of
from unlearn_core.modeling.row_cache import Step
from unlearn_core.modeling.rows import RowModel
from unlearn_core.modeling.weights import output_head

TOLERANCE = 1e-3
"""Largest difference to separate models, as a share of the largest logit."""

TRIED_TOKENS = 5


class _NotFusibleError(Exception):
    """Two models do not run as one; never leaves this module."""


def fuse(unlearned: PreTrainedModel, reference: PreTrainedModel) -> "FusedPair | None":
    """Return a pair as one model, or None if it does not run as one."""
    try:
        return FusedPair(unlearned, reference)
    except _NotFusibleError:
        return None


class SeparatePair:
    """The running rows of two models, one forward pass each.

    Args:
        unlearned: The trained small model.
        reference: The frozen small model.
    """

    def __init__(self, unlearned: PreTrainedModel, reference: PreTrainedModel) -> None:
        self._unlearned = RowModel(unlearned, config=unlearned.config)
        self._reference = RowModel(reference, config=reference.config)
        self.models: Sequence[RowModel] = (self._unlearned, self._reference)

    def difference(self, ids_BT: Tensor, step: Step, *, first: int) -> Tensor:
        """Return unlearned minus reference; see `PairRows`."""
        unlearned_BTV = self._unlearned.logits(ids_BT, step, first=first)
        return unlearned_BTV - self._reference.logits(ids_BT, step, first=first)

    def draft(self, ids_BT: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        """Return the unlearned model's logits and the difference."""
        unlearned_BV = self._unlearned.logits(ids_BT, step, first=-1)[:, -1]
        reference_BV = self._reference.logits(ids_BT, step, first=-1)[:, -1]
        return unlearned_BV, unlearned_BV - reference_BV


class FusedPair:
    """The weights of a pair as one model; the two given ones are not needed further.

    Args:
        unlearned: The trained small model.
        reference: The frozen small model, of the same shape.
        maximum_ranks: Most ranks by which matrices may differ that are held once.

    `fuse` makes one if the two models run as one, and with the same result.
    """

    def __init__(
        self,
        unlearned: PreTrainedModel,
        reference: PreTrainedModel,
        *,
        maximum_ranks: int = MAXIMUM_RANKS,
    ) -> None:
        heads = output_head(unlearned), output_head(reference)
        if not all(isinstance(head, nn.Linear) for head in heads):
            raise _NotFusibleError
        self.config = unlearned.config
        self.trunk = _fused_module(
            _trunk(unlearned), _trunk(reference), maximum_ranks=maximum_ranks
        )
        self._has_one_head = _are_equal(*heads)
        weights = [_weight(head) for head in heads]
        # A view of one head is held with the model; what is stacked is held on its own.
        self._weight_2VH = (
            weights[0][None] if self._has_one_head else torch.stack(weights)
        )
        self._bias_2V = _biases(*heads)
        self._check(unlearned, reference)

    @property
    def parameters(self) -> int:
        """Return the number of weights that a decoding step reads."""
        trunk = sum(tensor.numel() for tensor in self.trunk.parameters())
        return trunk + self._weight_2VH.numel()

    def rows(self) -> "FusedRows":
        """Return running rows, none yet."""
        return FusedRows(self)

    def head_difference(self, hidden_2BTH: Tensor) -> Tensor:
        """Return the difference of the logits, float32 ``[B, T, V]``."""
        unlearned_BTH, reference_BTH = hidden_2BTH[0::2], hidden_2BTH[1::2]
        if self._has_one_head:
            states = unlearned_BTH - reference_BTH
            return nn.functional.linear(states, self._weight_2VH[0]).float()
        unlearned_BTV, reference_BTV = self._both(unlearned_BTH, reference_BTH)
        return unlearned_BTV - reference_BTV

    def head_draft(self, hidden_2BTH: Tensor) -> tuple[Tensor, Tensor]:
        """Return the unlearned model's logits and the difference, ``[B, T, V]``."""
        unlearned_BTH, reference_BTH = hidden_2BTH[0::2], hidden_2BTH[1::2]
        if not self._has_one_head:
            unlearned_BTV, reference_BTV = self._both(unlearned_BTH, reference_BTH)
            return unlearned_BTV, unlearned_BTV - reference_BTV
        states = torch.cat([unlearned_BTH, unlearned_BTH - reference_BTH])
        unlearned_BTV, difference_BTV = (
            nn.functional.linear(states, self._weight_2VH[0]).float().chunk(2)
        )
        if self._bias_2V is not None:
            unlearned_BTV = unlearned_BTV + self._bias_2V[0]
        return unlearned_BTV, difference_BTV

    def _both(self, *states: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of both halves; the two heads differ."""
        batch, tokens, _ = states[0].shape
        states_2NH = torch.stack([state.flatten(0, 1) for state in states])
        logits_2NV = torch.bmm(states_2NH, self._weight_2VH.transpose(1, 2)).float()
        if self._bias_2V is not None:
            logits_2NV = logits_2NV + self._bias_2V[:, None]
        unlearned, reference = logits_2NV.view(2, batch, tokens, logits_2NV.shape[-1])
        return unlearned, reference

    @torch.inference_mode()
    def _check(self, unlearned: PreTrainedModel, reference: PreTrainedModel) -> None:
        """Compare with the two models on a few tokens."""
        size = int(self.config.vocab_size)
        ids_BT = torch.arange(2 * TRIED_TOKENS, device=unlearned.device) % size
        ids_BT = ids_BT.view(2, TRIED_TOKENS)
        logits_BTV = unlearned(input_ids=ids_BT).logits.float()
        expected_BTV = logits_BTV - reference(input_ids=ids_BT).logits.float()
        try:
            hidden = self.trunk(input_ids=ids_BT.repeat_interleave(2, dim=0))
            drafted_BTV, found_BTV = self.head_draft(hidden.last_hidden_state)
        except (RuntimeError, TypeError, ValueError) as error:
            raise _NotFusibleError from error
        tolerance = TOLERANCE * float(logits_BTV.nan_to_num().abs().max())
        if unlearned.dtype != torch.float32:
            tolerance *= 100  # halves are rounded in another order
        for found, expected in ((found_BTV, expected_BTV), (drafted_BTV, logits_BTV)):
            # NaN in the weights gives NaN in both, and the rows' laws tell.
            if not torch.allclose(
                found, expected, rtol=0, atol=tolerance, equal_nan=True
            ):
                raise _NotFusibleError


class FusedRows:
    """The running rows of a `FusedPair`."""

    def __init__(self, pair: FusedPair) -> None:
        self._pair = pair
        self._trunk = RowModel(pair.trunk, config=pair.config, copies=2)
        self.models: Sequence[RowModel] = (self._trunk,)

    def difference(self, ids_BT: Tensor, step: Step, *, first: int) -> Tensor:
        """Return unlearned minus reference; see `PairRows`."""
        hidden_2BTH = self._trunk(ids_BT, step).last_hidden_state
        return self._pair.head_difference(hidden_2BTH[:, first:])

    def draft(self, ids_BT: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        """Return the unlearned model's logits and the difference."""
        hidden_2BTH = self._trunk(ids_BT, step).last_hidden_state
        drafted_BTV, difference_BTV = self._pair.head_draft(hidden_2BTH[:, -1:])
        return drafted_BTV[:, -1], difference_BTV[:, -1]


class PairedLinear(nn.Module):
    """Two linear layers for rows that belong to them in turn."""

    def __init__(self, unlearned: nn.Module, reference: nn.Module) -> None:
        super().__init__()
        weight_2OI = torch.stack([_weight(unlearned), _weight(reference)])
        self.weight = nn.Parameter(weight_2OI, requires_grad=False)
        biases_2O = _biases(unlearned, reference)
        self.bias = (
            None
            if biases_2O is None
            else nn.Parameter(biases_2O[:, None], requires_grad=False)
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """Return ``[2B, T, O]`` for ``[2B, T, I]``."""
        _, tokens, inner = hidden.shape
        hidden_2NI = hidden.view(-1, 2, tokens, inner).transpose(0, 1).flatten(1, 2)
        weight_2IO = self.weight.transpose(1, 2)
        if self.bias is None:
            out_2NO = torch.bmm(hidden_2NI, weight_2IO)
        else:
            out_2NO = torch.baddbmm(self.bias, hidden_2NI, weight_2IO)
        out = out_2NO.view(2, -1, tokens, out_2NO.shape[-1]).transpose(0, 1)
        return out.flatten(0, 1)


class PairedEmbedding(nn.Module):
    """Two tables of embeddings for rows that belong to them in turn."""

    def __init__(self, unlearned: nn.Module, reference: nn.Module) -> None:
        super().__init__()
        tables = [_weight(unlearned), _weight(reference)]
        self._size = len(tables[0])
        self.weight = nn.Parameter(torch.cat(tables), requires_grad=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Return ``[2B, T, H]`` for ids ``[2B, T]``."""
        ids = ids.clone()
        ids[1::2] += self._size
        return nn.functional.embedding(ids, self.weight)


class PairedNorm(nn.Module):
    """Two layers whose weight multiplies what does not depend on it."""

    def __init__(self, unlearned: nn.Module, reference: nn.Module) -> None:
        super().__init__()
        self._layer = copy.deepcopy(unlearned)
        stacked_21H = torch.stack([_weight(unlearned), _weight(reference)])[:, None]
        self._layer.weight = nn.Parameter(stacked_21H, requires_grad=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return ``[2B, T, H]`` for the same shape."""
        grouped: Tensor = self._layer(hidden.view(-1, 2, *hidden.shape[1:]))
        return grouped.view(hidden.shape)


class PairedLayer(nn.Module):
    """Two layers of any kind, each called with its own rows."""

    def __init__(self, unlearned: nn.Module, reference: nn.Module) -> None:
        super().__init__()
        self._layers = nn.ModuleList([unlearned, reference])

    def forward(self, hidden: Tensor) -> Tensor:
        """Return what both give, in turn."""
        parts = [layer(hidden[half::2]) for half, layer in enumerate(self._layers)]
        return torch.stack(parts, dim=1).flatten(0, 1)


def _fused_module(
    unlearned: nn.Module, reference: nn.Module, *, maximum_ranks: int
) -> nn.Module:
    """Return one module that runs both, layer by layer."""
    if type(unlearned) is not type(reference):
        raise _NotFusibleError
    if _are_equal(unlearned, reference):
        return unlearned
    if not list(unlearned.children()):
        return _fused_leaf(unlearned, reference, maximum_ranks=maximum_ranks)
    if list(unlearned.parameters(recurse=False)):
        raise _NotFusibleError
    # The structure is copied, the weights are not.
    kept: dict[int, object] = {id(tensor): tensor for tensor in unlearned.parameters()}
    kept |= {id(tensor): tensor for tensor in unlearned.buffers()}
    fused = copy.deepcopy(unlearned, memo=kept)
    others = dict(reference.named_children())
    for name, child in unlearned.named_children():
        if name not in others:
            raise _NotFusibleError
        part = _fused_module(child, others[name], maximum_ranks=maximum_ranks)
        setattr(fused, name, part)
    return fused


def _fused_leaf(
    unlearned: nn.Module, reference: nn.Module, *, maximum_ranks: int
) -> nn.Module:
    if _shapes(unlearned) != _shapes(reference):
        raise _NotFusibleError
    if isinstance(unlearned, nn.Linear) and isinstance(reference, nn.Linear):
        return _fused_linear(unlearned, reference, maximum_ranks=maximum_ranks)
    if isinstance(unlearned, nn.Embedding):
        return PairedEmbedding(unlearned, reference)
    if type(unlearned).__name__.endswith("RMSNorm"):
        return PairedNorm(unlearned, reference)
    return PairedLayer(unlearned, reference)


def _fused_linear(
    unlearned: nn.Linear, reference: nn.Linear, *, maximum_ranks: int
) -> nn.Module:
    biases_2O = _biases(unlearned, reference)
    if biases_2O is None or torch.equal(*biases_2O):
        factors = factors_of(
            _weight(unlearned), _weight(reference), maximum_ranks=maximum_ranks
        )
        if factors is not None:
            return LowRankLinear(reference, factors)
    return PairedLinear(unlearned, reference)


def _trunk(model: PreTrainedModel) -> nn.Module:
    trunk: nn.Module = model.base_model
    return trunk


def _weight(layer: nn.Module) -> Tensor:
    weight: Tensor = layer.get_parameter("weight")
    return weight.detach()


def _biases(first: nn.Module, second: nn.Module) -> Tensor | None:
    biases = [dict(layer.named_parameters()).get("bias") for layer in (first, second)]
    if any(bias is None for bias in biases):
        return None
    return torch.stack([bias.detach() for bias in biases if bias is not None])


def _shapes(module: nn.Module) -> list[tuple[str, torch.Size]]:
    return [(name, tensor.shape) for name, tensor in module.named_parameters()]


def _are_equal(first: nn.Module, second: nn.Module) -> bool:
    """Tell whether two modules have the same weights, bit for bit or by value."""
    return _shapes(first) == _shapes(second) and all(
        torch.equal(one, other)
        for one, other in zip(first.parameters(), second.parameters(), strict=True)
    )
