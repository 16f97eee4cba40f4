"""Running rows of a base elsewhere: it is asked about whole texts, again and again.

Legend: B rows, T new tokens, N contexts, V vocabulary.

Such a base has no cache that is ours; what is kept of a row is its text. Everything
else is as with a base that is here: rows join and leave, tokens are proposed by the
pair and taken back, and what a step wants to know is asked for in one question.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from unlearn_core.errors import OffsetRequiredError
from unlearn_core.modeling.restricted import compose_restricted
from unlearn_core.modeling.row_cache import Step
from unlearn_core.modeling.rows import Compose, PairRows, Rows

Ask = Callable[[Sequence[Sequence[int]]], Tensor]
"""Tells log-probabilities ``[N, V]`` after contexts, negative infinity where untold."""


class RemoteRows:
    """The texts of running rows; `BaseRows` of a base elsewhere.

    Args:
        ask: Asks the base.
        device: Where the pair is.
    """

    def __init__(self, ask: Ask, *, device: torch.device) -> None:
        self._ask = ask
        self.device = device
        self._texts: dict[int, list[int]] = {}

    def logits(self, ids_BT: Tensor, step: Step, *, first: int) -> Tensor:
        """Return log-probabilities from one new token on, ``[B, T - first, V]``.

        Raises:
            UpstreamUnavailableError: The base does not answer.
            UpstreamMismatchError: It is another one, or tells something else.
        """
        contexts: list[list[int]] = []
        places = zip(
            range(step.rows.start, step.rows.stop),
            ids_BT.tolist(),
            step.columns_BT.tolist(),
            step.positions_BT[:, first:].tolist(),
            strict=True,
        )
        for row, ids, columns, positions in places:
            text = self._texts.setdefault(row, [])
            text += [0] * (1 + max(columns) - len(text))
            for column, token in zip(columns, ids, strict=True):
                text[column] = token
            contexts += [text[: position + 1] for position in positions]
        told_NV = self._ask(contexts).to(self.device)
        return told_NV.view(len(ids_BT), -1, told_NV.shape[-1])

    def copy_row(self, source: int, target: int, length: int) -> None:
        """Copy the beginning of a running row to another place."""
        self._texts[target] = self._texts[source][:length]

    def clear_row(self, row: int) -> None:
        """Forget a row."""
        self._texts.pop(row, None)


class RemoteOffset:
    """The served law of a base elsewhere and a pair that is here.

    Args:
        ask: Asks the base.
        pair: Returns running rows of the pair, none yet.
        alpha: Offset strength.
        largest_excluded: Largest probability that may be lost to tokens which the base
            does not tell; see `restricted`.
        maximum_tokens: Length of the shortest context.
        device: Where the pair is.
    """

    def __init__(
        self,
        ask: Ask,
        *,
        pair: Callable[[], PairRows],
        alpha: float,
        largest_excluded: float,
        maximum_tokens: int,
        device: torch.device,
    ) -> None:
        self._ask = ask
        self._pair = pair
        self._compose: Compose = partial(
            compose_restricted, alpha=alpha, largest_excluded=largest_excluded
        )
        self.maximum_tokens = maximum_tokens
        self.device = device

    def rows(self) -> Rows:
        """Return running rows, none yet."""
        base = RemoteRows(self._ask, device=self.device)
        return Rows(base, offset=(self._pair(), self._compose))


class NoLaw:
    """Stands where a base elsewhere has no offset yet: it never answers.

    Args:
        maximum_tokens: Length of the base's context.
        device: Where a pair would be.
    """

    def __init__(self, *, maximum_tokens: int, device: torch.device) -> None:
        self.maximum_tokens = maximum_tokens
        self.device = device

    def rows(self) -> Rows:
        """Refuse.

        Raises:
            OffsetRequiredError: Always.
        """
        raise OffsetRequiredError(problem="a base elsewhere has no offset yet")
