"""The rows of a pair for texts that somebody else continues.

Legend: B rows, T new tokens, N positions that are asked for, V vocabulary.

Transformers or vLLM decodes with the base; the pair follows. Every text has a row with
a length of its own. What is told of a text begins anywhere up to that length, so a
token that was proposed and taken back is overwritten by what came instead, and a text
that is told from its beginning is read anew.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unlearn_core.modeling.row_cache import step_at
from unlearn_core.modeling.rows import PairRows

CHUNK_TOKENS = 512
"""Most tokens that one row reads in one pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Continued:
    """How a text goes on.

    Attributes:
        key: Which text.
        start: The place where `ids` begin, at most the length known so far.
        ids: Token ids from there on.
        wanted: After how many of them, the last ones, the next token is asked for. All
            but the first of these may be taken back.
    """

    key: Hashable
    start: int
    ids: Sequence[int]
    wanted: int = 1


class FollowedRows:
    """Running rows of a pair, by the keys of their texts.

    Args:
        new_rows: Makes running rows of the pair, none yet.
        device: Where its models are.
    """

    def __init__(
        self, new_rows: Callable[[], PairRows], *, device: torch.device
    ) -> None:
        self._new_rows = new_rows
        self._device = device
        self._rows = new_rows()
        self._keys: list[Hashable] = []
        self._lengths: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def length(self, key: Hashable) -> int:
        """Return how many tokens of a text are known for good, 0 of a new one."""
        return self._lengths.get(key, 0)

    @torch.inference_mode()
    def differences(self, texts: Sequence[Continued]) -> Tensor:
        """Return unlearned minus reference at all places asked for, ``[N, V]``.

        Raises:
            ValueError: A text leaves a gap, or asks for more than it tells.
        """
        for text in texts:
            if text.start > self.length(text.key):
                message = "a text leaves a gap"
                raise ValueError(message)
            if not 0 < text.wanted <= len(text.ids):
                message = "a text asks for more than it tells"
                raise ValueError(message)
        for text in texts:
            if text.key not in self._lengths:
                self._keys.append(text.key)
                self._lengths[text.key] = 0
        # Several rows in one pass are padded to the longest: what is long goes alone.
        last = {text.key: self._read_beginning(text) for text in texts}
        parts: dict[Hashable, Tensor] = {}
        for begin, run in self._runs(last):
            parts |= self._read_last(begin, run)
        for text in texts:
            self._lengths[text.key] = text.start + len(text.ids) - (text.wanted - 1)
        return torch.cat([parts[text.key] for text in texts])

    @torch.inference_mode()
    def forget(self, key: Hashable) -> None:
        """Drop a text, if it is known; the last row takes its place."""
        if key not in self._lengths:
            return
        row, last = self._keys.index(key), len(self._keys) - 1
        for model in self._rows.models:
            if row != last:
                # What the last row proposed and may take back is not needed.
                model.copy_row(last, row, self._lengths[self._keys[last]])
            model.clear_row(last)
        self._keys[row] = self._keys[last]
        self._keys.pop()
        del self._lengths[key]
        if not self._keys:
            self._rows = self._new_rows()  # gives the memory back

    def _read_beginning(self, text: Continued) -> Continued:
        """Read all but what is asked for, row by row, and return the rest."""
        row = self._keys.index(text.key)
        reading = slice(row, row + 1)
        until = len(text.ids) - text.wanted
        for begin in range(0, until, CHUNK_TOKENS):
            ids = list(text.ids[begin : min(begin + CHUNK_TOKENS, until)])
            step = step_at(
                reading, [text.start + begin], [len(ids)], device=self._device
            )
            self._rows.difference(
                torch.tensor([ids], device=self._device), step, first=-1
            )
        return Continued(
            key=text.key,
            start=text.start + until,
            ids=text.ids[until:],
            wanted=text.wanted,
        )

    def _runs(
        self, last: dict[Hashable, Continued]
    ) -> Iterator[tuple[int, list[Continued]]]:
        """Yield what stands in neighbouring rows together, with the first row."""
        begin, run = 0, list[Continued]()
        for row, key in enumerate(self._keys):
            if key in last:
                begin = begin if run else row
                run.append(last[key])
            elif run:
                yield begin, run
                run = []
        if run:
            yield begin, run

    def _read_last(self, begin: int, run: list[Continued]) -> dict[Hashable, Tensor]:
        """Read neighbouring rows in one pass; return what each asked for."""
        counts = [len(text.ids) for text in run]
        window = max(counts)
        step = step_at(
            slice(begin, begin + len(run)),
            [text.start for text in run],
            counts,
            device=self._device,
        )
        ids_BT = torch.tensor(
            [[0] * (window - len(text.ids)) + list(text.ids) for text in run],
            device=self._device,
        )
        difference_BTV = self._rows.difference(ids_BT, step, first=-window)
        pairs = zip(run, difference_BTV, strict=True)
        return {text.key: part_TV[-text.wanted :] for text, part_TV in pairs}
