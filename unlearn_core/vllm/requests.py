"""Which request a row of logits belongs to, and its text, as vLLM's two runners tell.

Legend: N rows of logits, R slots for requests, L longest text.

vLLM has two model runners with incompatible logits processors (vLLM 0.32,
``v1/sample/logits_processor/interface.py`` and
``v1/worker/gpu/sample/logits_processor/interface.py``).

- `Batch` follows the first: a row is a request, rows are added, removed and moved, and
  the lists of ids are the engine's own, which grow.
- `SlotTable` follows the second: a request has a slot, ids lie in a table on the device
  and a request may have several rows, one for its last token and one for each token
  that was proposed after it. Rows come in any order and in several calls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from torch import Tensor

from unlearn_core.vllm.offsets import Asked, Offsets


class BatchUpdate(Protocol):
    """What changed in a batch; removals come first, then additions, then moves."""

    @property
    def removed(self) -> Sequence[int]:
        """Return the rows that are free."""
        ...

    @property
    def added(
        self,
    ) -> Sequence[tuple[int, object, Sequence[int] | None, Sequence[int]]]:
        """Return row, parameters, ids of the prompt and ids of the answer so far."""
        ...

    @property
    def moved(self) -> Sequence[tuple[int, int, object]]:
        """Return from which row to which, and whether both change places."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    key: int
    prompt: Sequence[int]
    answer: Sequence[int]

    def ids(self, start: int) -> list[int]:
        """Return the token ids from a place on."""
        size = len(self.prompt)
        if start >= size:
            return list(self.answer[start - size :])
        return [*self.prompt[start:], *self.answer]


class Batch:
    """The requests of a batch by their rows, for the first runner.

    Args:
        offsets: Told who begins and ends.
    """

    def __init__(self, offsets: Offsets) -> None:
        self._offsets = offsets
        self._requests: dict[int, _Request] = {}
        self._keys = count()

    def update(self, change: BatchUpdate | None) -> None:
        """Follow what changed; a preempted request that comes back is a new one."""
        if change is None:
            return
        for row in change.removed:
            self._end(row)
        for row, _, prompt, answer in change.added:
            self._end(row)
            # A prompt of embeddings has no ids: its rows stay unnamed, and blank.
            if prompt is not None:
                key = next(self._keys)
                self._requests[row] = _Request(key=key, prompt=prompt, answer=answer)
                self._offsets.begin(key)
        for source, target, direction in change.moved:
            self._move(source, target, swaps=getattr(direction, "name", "") == "SWAP")

    def asked(self, rows: int) -> list[Asked]:
        """Return what is asked for, one row for each request of the batch."""
        return [
            Asked(
                key=request.key,
                rows=[row],
                length=len(request.prompt) + len(request.answer),
                ids=request.ids,
            )
            for row, request in sorted(self._requests.items())
            if row < rows
        ]

    def _end(self, row: int) -> None:
        request = self._requests.pop(row, None)
        if request is not None:
            self._offsets.end(request.key)

    def _move(self, source: int, target: int, *, swaps: bool) -> None:
        moved, other = (self._requests.pop(row, None) for row in (source, target))
        if moved is not None:
            self._requests[target] = moved
        if other is not None and swaps:
            self._requests[source] = other
        elif other is not None:
            self._offsets.end(other.key)


class LogitsContext(Protocol):
    """How the rows of one call belong to slots; ``N`` numbers each."""

    @property
    def expanded_idx_mapping(self) -> Tensor:
        """Return the slot of every row."""
        ...

    @property
    def expanded_local_pos(self) -> Tensor:
        """Return every row's place among those of its request."""
        ...

    @property
    def input_ids(self) -> Tensor:
        """Return the token before every row; below 0 where nothing was proposed."""
        ...

    @property
    def pos(self) -> Tensor:
        """Return that token's place in its text."""
        ...


class SlotTable:
    """The requests by their slots, for the second runner.

    Args:
        ids_RL: The table of token ids, the engine's own.
    """

    def __init__(self, ids_RL: Tensor) -> None:
        self._ids_RL = ids_RL

    def asked(self, context: LogitsContext) -> list[Asked]:
        """Return what is asked for, several rows for a request that speculates."""
        told = zip(
            context.expanded_idx_mapping.tolist(),
            context.expanded_local_pos.tolist(),
            context.pos.tolist(),
            context.input_ids.tolist(),
            strict=True,
        )
        of_slot: dict[int, list[tuple[int, int, int, int]]] = {}
        for row, (slot, local, place, token) in enumerate(told):
            of_slot.setdefault(slot, []).append((local, place, token, row))
        return [self._asked(slot, sorted(rows)) for slot, rows in of_slot.items()]

    def _asked(self, slot: int, rows: list[tuple[int, int, int, int]]) -> Asked:
        _, settled, _, _ = rows[0]
        # What follows the first row's token was proposed and is in no table. A place
        # where nothing was proposed is rejected by the engine whatever stands there.
        proposed = [max(token, 0) for _, _, token, _ in rows[1:]]

        def ids(start: int) -> list[int]:
            known: list[int] = self._ids_RL[slot, start : settled + 1].tolist()
            return known + proposed[max(start - settled - 1, 0) :]

        return Asked(
            key=slot,
            rows=[row for _, _, _, row in rows],
            length=settled + 1 + len(proposed),
            ids=ids,
        )
