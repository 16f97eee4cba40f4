"""A base model elsewhere that answers through an offset here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a base elsewhere said.

    Attributes:
        laws: After each context, log-probabilities of its likeliest tokens, in nats.
        mark: What the service calls the model that said it.
    """

    laws: Sequence[Mapping[int, float]]
    mark: str


class Upstream(Protocol):
    """A service that tells the likeliest next tokens of its model."""

    @property
    def tokens(self) -> int:
        """Return how many tokens it is asked for at a position."""
        ...

    def tell(self, contexts: Sequence[Sequence[int]]) -> Told:
        """Return what it says after each context.

        Args:
            contexts: Token ids, at least of one context and none of them empty.

        Raises:
            UpstreamUnavailableError: It does not answer, or is busy.
            UpstreamMismatchError: It refuses, or answers in another form.
        """
        ...
