"""Running rows: texts of different lengths that are continued together.

Legend: B rows, N rows of a model (B, or 2B of a fused pair), T new tokens,
S columns that are attended to, V vocabulary.

Every row begins at column 0 and has a length of its own, so rows join and leave at any
time, and a row is taken back by making it shorter; nothing is ever shifted or padded
in the cache. What a row may attend to follows from its length alone.

- A column beyond a row's length may hold anything finite; its weight is 0.
- What a row leaves behind is zeroed: 0 times NaN is NaN.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import Cache, PretrainedConfig, PreTrainedModel

from unlearn_core.errors import ModelUnavailableError
from unlearn_core.modeling.row_cache import RowLayer, Step, step_at

Compose = Callable[[Tensor, Tensor], Tensor]
"""Makes the served log-probabilities of the base's logits and a pair's difference."""

Chooser = Callable[[Tensor, int], list[int]]
"""Chooses a token of every row from ``[B, V]``, so many tokens ahead."""

PASS_SCORES = 2**21
"""Most pairs of a new token and a column that one pass over prompts looks at: attention
has a score for each of them in every head, and the mask an entry."""

SHORTEST_PASS = 32
"""Tokens that are read at once however many columns there are."""


class RowModel:
    """A model, or the trunk of one, with the cache of its running rows.

    Args:
        model: Called as transformers models are.
        config: Its configuration.
        copies: Rows that the model has for each running row.

    Raises:
        ModelUnavailableError: Its attention is not plain over the whole context.
    """

    def __init__(
        self, model: torch.nn.Module, *, config: PretrainedConfig, copies: int = 1
    ) -> None:
        _check_attention(config)
        self._model = model
        self.device = next(model.parameters()).device
        self._dtype = next(model.parameters()).dtype
        self._copies = copies
        self._layers = [RowLayer() for _ in range(int(config.num_hidden_layers))]
        self._cache = Cache(layers=list(self._layers))

    def __call__(self, ids_BT: Tensor, step: Step, **options: Any) -> Any:  # noqa: ANN401 - what the model returns
        """Run the model on new tokens."""
        repeated = step.repeated(self._copies)
        for layer in self._layers:
            layer.step = repeated
        return self._model(
            input_ids=ids_BT.repeat_interleave(self._copies, dim=0),
            attention_mask=repeated.mask_B1TS.to(self._dtype),
            position_ids=repeated.positions_BT,
            past_key_values=self._cache,
            use_cache=True,
            **options,
        )

    def logits(self, ids_BT: Tensor, step: Step, *, first: int) -> Tensor:
        """Return the float32 logits of a whole model from one new token on."""
        kept_T = torch.arange(ids_BT.shape[1], device=ids_BT.device)[first:]
        logits_BTV: Tensor = self(ids_BT, step, logits_to_keep=kept_T).logits
        return logits_BTV.float()

    def copy_row(self, source: int, target: int, length: int) -> None:
        """Copy the beginning of a running row to another place."""
        for layer in self._layers:
            for copy in range(self._copies):
                layer.copy_row(
                    source * self._copies + copy, target * self._copies + copy, length
                )

    def clear_row(self, row: int) -> None:
        """Forget a row."""
        for layer in self._layers:
            for copy in range(self._copies):
                layer.clear_row(row * self._copies + copy)


def _check_attention(config: PretrainedConfig) -> None:
    context = int(config.max_position_embeddings)
    window = getattr(config, "sliding_window", None)
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    slides = "sliding_attention" in kinds or not getattr(config, "layer_types", None)
    if (window and slides and window < context) or not kinds <= {
        "full_attention",
        "sliding_attention",
    }:
        raise ModelUnavailableError(problem="attention is not plain")


class StoredRows(Protocol):
    """What is kept of running rows between two steps."""

    def copy_row(self, source: int, target: int, length: int) -> None:
        """Copy the beginning of a running row to another place."""
        ...

    def clear_row(self, row: int) -> None:
        """Forget a row."""
        ...


class BaseRows(StoredRows, Protocol):
    """The running rows of a base, which may be a model here or elsewhere."""

    @property
    def device(self) -> torch.device:
        """Return where logits are."""
        ...

    def logits(self, ids_BT: Tensor, step: Step, *, first: int) -> Tensor:
        """Return float32 logits, or log-probabilities, from one new token on."""
        ...


class PairRows(Protocol):
    """The running rows of an offset pair."""

    models: Sequence[RowModel]

    def difference(self, ids_BT: Tensor, step: Step, *, first: int) -> Tensor:
        """Return unlearned minus reference, ``[B, T - first, V]``.

        Logits will do: a constant of a row is normalised away.
        """
        ...

    def draft(self, ids_BT: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        """Return the unlearned model's logits and the difference, both ``[B, V]``."""
        ...


class Rows:
    """The running rows of a served law.

    Args:
        base: The large model, or the rows of one that is elsewhere.
        offset: An offset pair and how its difference is added; None for the base
            alone.

    Attributes:
        lengths: Tokens of each row that all models have seen.
    """

    def __init__(
        self,
        base: PreTrainedModel | BaseRows,
        *,
        offset: tuple[PairRows, Compose] | None = None,
    ) -> None:
        if isinstance(base, PreTrainedModel):
            base = RowModel(base, config=base.config)
        self._base: BaseRows = base
        self._offset = offset
        self._models: list[StoredRows] = [
            self._base,
            *(offset[0].models if offset else ()),
        ]
        self.device = self._base.device
        self.lengths: list[int] = []

    def __len__(self) -> int:
        return len(self.lengths)

    @torch.inference_mode()
    def join(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        known: Sequence[tuple[int, int]] | None = None,
    ) -> Tensor:
        """Append rows and return the law after each prompt, ``[J, V]``.

        Args:
            prompts: Token ids, none of them empty.
            known: For each prompt a running row that begins alike, and for how many
                tokens; these are copied. At least the last token must be new.
        """
        first = len(self.lengths)
        starts = [0] * len(prompts)
        for place, (source, length) in enumerate(known or ()):
            if length:
                starts[place] = length
                for model in self._models:
                    model.copy_row(source, first + place, length)
        new = [list(ids[start:]) for ids, start in zip(prompts, starts, strict=True)]
        law_BV = self._prefill(slice(first, first + len(new)), starts, new)
        self.lengths += list(map(len, prompts))
        return law_BV

    def _prefill(
        self, rows: slice, starts: Sequence[int], new: Sequence[list[int]]
    ) -> Tensor:
        """Read new tokens, piece by piece, and return the law after them."""
        window = max(map(len, new))
        padding = [window - len(ids) for ids in new]
        ids_BT = torch.tensor(
            [[0] * empty + ids for empty, ids in zip(padding, new, strict=True)],
            device=self.device,
        )
        laws_BTV = torch.empty(0, device=self.device)
        for piece in _pieces(window, rows=len(new), columns=max(starts) + window):
            step = step_at(
                rows,
                [
                    start + max(0, piece.start - empty)
                    for start, empty in zip(starts, padding, strict=True)
                ],
                [max(0, piece.stop - max(piece.start, empty)) for empty in padding],
                device=self.device,
            )
            # A law is wanted after the last piece only.
            first = -1 if piece.stop == window else piece.stop - piece.start
            laws_BTV = self._laws(ids_BT[:, piece], step, first=first)
        return laws_BTV[:, -1]

    @torch.inference_mode()
    def fork(self, row: int) -> None:
        """Append a row that is like another one so far."""
        length = self.lengths[row]
        for model in self._models:
            model.copy_row(row, len(self.lengths), length)
        self.lengths.append(length)

    @torch.inference_mode()
    def leave(self, row: int) -> None:
        """Drop a row; the last one takes its place."""
        last = len(self.lengths) - 1
        for model in self._models:
            if row != last:
                model.copy_row(last, row, self.lengths[last])
            model.clear_row(last)
        self.lengths[row] = self.lengths[last]
        self.lengths.pop()

    def cut(self, count: int) -> None:
        """Drop all rows but so many, the first."""
        while len(self) > count:
            self.leave(len(self) - 1)

    @torch.inference_mode()
    def advance(self, tokens: Sequence[int]) -> Tensor:
        """Append a token to every row and return the law after it, ``[B, V]``."""
        ids_BT = torch.tensor(tokens, device=self.device)[:, None]
        laws_BTV = self._laws(ids_BT, self._next_step(1), first=-1)
        self.lengths = [length + 1 for length in self.lengths]
        return laws_BTV[:, -1]

    @property
    def can_draft(self) -> bool:
        """Return whether there is a pair to draft with."""
        return self._offset is not None

    @torch.inference_mode()
    def speculate(
        self, tokens: Sequence[int], *, count: int, choose: Chooser
    ) -> tuple[Tensor, list[list[int]]]:
        """Append a token to every row and look several tokens ahead.

        The unlearned model proposes ``count`` tokens one after another; one pass of
        the base then gives the served law after each of them (Leviathan et al. 2023,
        arXiv:2211.17192; the pair's difference at each is known from proposing). No
        row is longer afterwards: `extend` says what is kept.

        Args:
            tokens: What is appended.
            count: Tokens to be proposed.
            choose: Proposes tokens from logits ``[B, V]`` for a place ahead.

        Returns:
            The laws ``[B, count + 1, V]`` and the proposals of each row.
        """
        pair, compose = self._offset  # type: ignore[misc]  # callers ask `can_draft`
        columns, differences = [torch.tensor(tokens, device=self.device)], []
        for ahead in range(count + 1):
            step = self._next_step(1, ahead=ahead)
            drafted_BV, difference_BV = pair.draft(columns[-1][:, None], step)
            differences.append(difference_BV)
            if ahead < count:
                chosen = choose(drafted_BV, ahead)
                columns.append(torch.tensor(chosen, device=self.device))
        ids_BT = torch.stack(columns, dim=1)
        step = self._next_step(count + 1)
        logits_BTV = self._base.logits(ids_BT, step, first=0)
        laws_BTV = compose(logits_BTV, torch.stack(differences, dim=1))
        return laws_BTV, ids_BT[:, 1:].tolist()

    def extend(self, counts: Sequence[int]) -> None:
        """Keep some of the tokens that `speculate` looked at; the others are gone."""
        pairs = zip(self.lengths, counts, strict=True)
        self.lengths = [length + count for length, count in pairs]

    def _next_step(self, count: int, *, ahead: int = 0) -> Step:
        """Return where the next tokens of all rows stand, some tokens ahead."""
        starts = [length + ahead for length in self.lengths]
        rows = slice(0, len(starts))
        return step_at(rows, starts, [count] * len(starts), device=self.device)

    def _laws(self, ids_BT: Tensor, step: Step, *, first: int) -> Tensor:
        """Return the laws from one new token on, ``[B, T - first, V]``."""
        logits_BTV = self._base.logits(ids_BT, step, first=first)
        if self._offset is None:
            return torch.log_softmax(logits_BTV, dim=-1)
        pair, compose = self._offset
        difference_BTV = pair.difference(ids_BT, step, first=first)
        return compose(logits_BTV, difference_BTV)


def _pieces(window: int, *, rows: int, columns: int) -> list[slice]:
    """Cut a window of new tokens into passes of bounded memory, the first shortest."""
    length = max(SHORTEST_PASS, PASS_SCORES // (rows * columns))
    stops = reversed(range(window, 0, -length))
    return [slice(max(0, stop - length), stop) for stop in stops]


class ServableLaw(Protocol):
    """A law of the next token that can be decoded from, row by row.

    A row of NaN is a failure; a row of negative infinity alone is refused, since there
    is no token that may be chosen.
    """

    @property
    def device(self) -> torch.device:
        """Return where the models are."""
        ...

    @property
    def maximum_tokens(self) -> int:
        """Return the length of the context."""
        ...

    def rows(self) -> Rows:
        """Return running rows, none yet."""
        ...
