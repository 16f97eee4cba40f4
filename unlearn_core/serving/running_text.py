"""The text of one answer while it grows.

Text is held back while it may still change or vanish: a character may need several
tokens, and the beginning of a stop text may turn out to be one. What was released once
stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from unlearn_core.modeling.tokens import TransformersTokenizer
from unlearn_core.serving.jobs import Token

INCOMPLETE = "\ufffd"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedToken:
    """A token and where in the answer its text begins."""

    token: Token
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of an answer that is final."""

    text: str
    tokens: Sequence[PlacedToken]


class RunningText:
    """Collects the tokens of one answer and releases final text.

    Args:
        tokenizer: Turns ids into text.
        stops: Texts that end the answer; they do not belong to it.

    Attributes:
        is_stopped: Whether a stop text was met.
    """

    def __init__(
        self, tokenizer: TransformersTokenizer, *, stops: Sequence[str] = ()
    ) -> None:
        self._tokenizer = tokenizer
        self._stops = stops
        self._ids: list[int] = []
        self._text = ""
        self._pending: list[PlacedToken] = []
        self._released = 0
        self.is_stopped = False

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, token: Token) -> None:
        """Append a token."""
        start = len(self._text.rstrip(INCOMPLETE))
        self._pending.append(PlacedToken(token=token, start=start))
        self._ids.append(token.token_id)
        self._text = self._tokenizer.decode(self._ids)
        found = [place for stop in self._stops if (place := self._text.find(stop)) >= 0]
        if found:
            self._text = self._text[: min(found)]
            self.is_stopped = True

    def release(self, *, is_last: bool) -> Piece:
        """Return what has become final since the last call.

        Args:
            is_last: Whether nothing more will come, so nothing is held back.
        """
        end = len(self._text) if is_last else self._final_length()
        text, self._released = self._text[self._released : end], end
        # A token of no text at the very end belongs to the answer, one of a stop
        # text does not.
        keeps_all = is_last and not self.is_stopped
        tokens = [item for item in self._pending if keeps_all or item.start < end]
        self._pending = self._pending[len(tokens) :]
        return Piece(text=text, tokens=tokens)

    def _final_length(self) -> int:
        end = len(self._text.rstrip(INCOMPLETE))
        held = (
            length
            for stop in self._stops
            for length in range(1, len(stop))
            if self._text[:end].endswith(stop[:length])
        )
        return max(self._released, end - max(held, default=0))
