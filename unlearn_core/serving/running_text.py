"""The text of one answer while it grows.

Text is held back while it may still change or vanish: a character may need several
tokens, the beginning of a stop text may turn out to be one, and a guard may want to see
what follows. What was released once stays.
"""

from collections.abc import Iterator, Sequence
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
        held_back: Signs at the end that are not released before the last.

    Attributes:
        text: The answer so far, what is not yet released included.
        made: The same with the stop text that ended it.
        is_stopped: Whether a stop text was met.
    """

    def __init__(
        self,
        tokenizer: TransformersTokenizer,
        *,
        stops: Sequence[str] = (),
        held_back: int = 0,
    ) -> None:
        self._tokenizer = tokenizer
        self._stops = stops
        self._held_back = held_back
        self._ids: list[int] = []
        self.text = self.made = ""
        self._pending: list[PlacedToken] = []
        self._released = 0
        self.is_stopped = False

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, token: Token) -> None:
        """Append a token."""
        start = len(self.text.rstrip(INCOMPLETE))
        self._pending.append(PlacedToken(token=token, start=start))
        self._ids.append(token.token_id)
        self.text = self.made = self._tokenizer.decode(self._ids)
        found = [place for stop in self._stops if (place := self.text.find(stop)) >= 0]
        if found:
            self.text = self.text[: min(found)]
            self.is_stopped = True

    def others(self, token: Token) -> Iterator[str]:
        """Yield the answer with each token that was likely beside its last one."""
        for token_id, _ in token.likeliest:
            yield self._tokenizer.decode([*self._ids[:-1], token_id])

    def withhold(self, instead: str) -> None:
        """Let another text stand for all that is not yet released."""
        begin = "\n" if self._released else ""
        self.text = self.text[: self._released] + begin + instead
        self._ids, self._pending = [], []

    def release(self, *, is_last: bool) -> Piece:
        """Return what has become final since the last call.

        Args:
            is_last: Whether nothing more will come, so nothing is held back.
        """
        end = len(self.text) if is_last else self._final_length()
        text, self._released = self.text[self._released : end], end
        # A token of no text at the very end belongs to the answer, one of a stop
        # text does not.
        keeps_all = is_last and not self.is_stopped
        tokens = [item for item in self._pending if keeps_all or item.start < end]
        self._pending = self._pending[len(tokens) :]
        return Piece(text=text, tokens=tokens)

    def _final_length(self) -> int:
        end = len(self.text.rstrip(INCOMPLETE))
        held = (
            length
            for stop in self._stops
            for length in range(1, len(stop))
            if self.text[:end].endswith(stop[:length])
        )
        return max(self._released, end - max(held, default=0) - self._held_back)
