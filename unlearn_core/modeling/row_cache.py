"""Keys and values of running rows, each row with a length of its own.

Legend: B rows, N rows of a model (B, or 2B of a fused pair), T new tokens,
S columns that are attended to.

Every row begins at column 0. What it may attend to follows from its length alone; a
column beyond it may hold anything finite, since its weight is 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers.cache_utils import CacheLayerMixin

FIRST_COLUMNS = 64
GROWTH = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Where the tokens of one forward pass stand.

    Attributes:
        rows: Which rows they belong to.
        columns_BT: Where their keys and values go.
        positions_BT: Their places in their texts.
        mask_B1TS: 0 where they may attend to, negative infinity elsewhere.
        start: The first token's column if all rows have the same, else None.
    """

    rows: slice
    columns_BT: Tensor
    positions_BT: Tensor
    mask_B1TS: Tensor
    start: int | None

    def repeated(self, times: int) -> "Step":
        """Return the same for a model that has several rows for each of these."""
        if times == 1:
            return self
        return Step(
            rows=slice(self.rows.start * times, self.rows.stop * times),
            columns_BT=self.columns_BT.repeat_interleave(times, dim=0),
            positions_BT=self.positions_BT.repeat_interleave(times, dim=0),
            mask_B1TS=self.mask_B1TS.repeat_interleave(times, dim=0),
            start=self.start,
        )


def step_at(
    rows: slice, starts: Sequence[int], counts: Sequence[int], *, device: torch.device
) -> Step:
    """Place new tokens, which stand at the right of a window as long as the longest.

    Args:
        rows: Which rows they belong to.
        starts: Lengths of these rows so far.
        counts: New tokens of each row.
        device: Where the models are.
    """
    window = max(counts)
    starts_B1 = torch.tensor(starts, device=device)[:, None]
    counts_B1 = torch.tensor(counts, device=device)[:, None]
    offsets_BT = torch.arange(window, device=device)[None] - (window - counts_B1)
    # What fills the window goes behind the row, where it is overwritten or masked.
    columns_BT = starts_B1 + torch.where(
        offsets_BT >= 0, offsets_BT, offsets_BT + window
    )
    positions_BT = starts_B1 + offsets_BT.clamp(min=0)
    width = max(starts) + window
    seen_BTS = torch.arange(width, device=device) <= positions_BT[..., None]
    mask_BTS = torch.zeros(seen_BTS.shape, device=device)
    is_even = len(set(starts)) == len(set(counts)) == 1
    return Step(
        rows=rows,
        columns_BT=columns_BT,
        positions_BT=positions_BT,
        mask_B1TS=mask_BTS.masked_fill(~seen_BTS, float("-inf"))[:, None],
        start=starts[0] if is_even else None,
    )


class RowLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]  # untyped upstream
    """Keys and values of one layer, ``[rows, heads, columns, width]`` with room."""

    is_sliding = False
    keys: Tensor
    values: Tensor

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # untyped upstream
        self.step: Step | None = None

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Begin without any room."""
        self.keys = key_states.new_zeros((0, *key_states.shape[1:]))
        self.values = value_states.new_zeros((0, *value_states.shape[1:]))
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *_: object, **__: object
    ) -> tuple[Tensor, Tensor]:
        """Write new keys and values and return all that the step may attend to."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        step = self.step
        if step is None:
            raise RuntimeError  # a layer is used by a `RowModel` only
        width = step.mask_B1TS.shape[-1]
        self.keys = _with_room(self.keys, step.rows.stop, width)
        self.values = _with_room(self.values, step.rows.stop, width)
        return (
            _written(self.keys, key_states, step)[:, :, :width],
            _written(self.values, value_states, step)[:, :, :width],
        )

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return the columns that a step sees, and where they begin."""
        return self.get_seq_length() + query_length, 0

    def get_seq_length(self) -> int:
        """Return the columns before the step; rows know their own lengths."""
        step = self.step
        return (
            0 if step is None else step.mask_B1TS.shape[-1] - step.columns_BT.shape[1]
        )

    def get_max_length(self) -> int:
        """Return that there is no limit."""
        return -1

    def copy_row(self, source: int, target: int, length: int) -> None:
        """Copy the beginning of a row, and zero the rest of the target."""
        self.keys = _with_room(self.keys, target + 1, length)
        self.values = _with_room(self.values, target + 1, length)
        for store in (self.keys, self.values):
            store[target, :, :length] = store[source, :, :length]
            store[target, :, length:] = 0

    def clear_row(self, row: int) -> None:
        """Zero a row that may hold anything."""
        self.keys[row] = 0
        self.values[row] = 0


def _with_room(store: Tensor, rows: int, columns: int) -> Tensor:
    """Return a store of at least this size, itself if it is."""
    has_rows, _, has_columns, _ = store.shape
    if rows <= has_rows and columns <= has_columns:
        return store
    if columns > has_columns or not has_rows:
        columns = max(FIRST_COLUMNS, int(GROWTH * columns))
    grown = store.new_zeros(
        (max(rows, has_rows), store.shape[1], max(columns, has_columns), store.shape[3])
    )
    grown[:has_rows, :, :has_columns] = store[:, :, :has_columns]
    return grown


def _written(store: Tensor, new: Tensor, step: Step) -> Tensor:
    rows = store[step.rows]
    if step.start is not None:
        rows[:, :, step.start : step.start + new.shape[2]] = new
    else:
        index_N1 = torch.arange(len(new), device=new.device)[:, None]
        rows[index_N1, :, step.columns_BT] = new.transpose(1, 2)
    return rows
