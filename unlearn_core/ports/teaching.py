"""A base model elsewhere that training learns from."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class LogprobSource(Protocol):
    """A model that tells the likeliest next tokens, and nothing else."""

    def likeliest(
        self, contexts: Sequence[Sequence[int]]
    ) -> Sequence[Mapping[int, float]]:
        """Return log-probabilities of the likeliest tokens after each context.

        Args:
            contexts: Token ids, none of them empty.

        Raises:
            ModelUnavailableError: The model does not answer, or not in this form.
        """
        ...
