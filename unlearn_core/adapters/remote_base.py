"""Asks an OpenAI-compatible service what a base elsewhere would say, to learn from it.

Nobody waits for an answer meanwhile, so a service that is busy is given more time than
where `upstream` asks it for somebody.
"""

from collections.abc import Mapping, Sequence

from pydantic import SecretStr

from unlearn_core.adapters.upstream import UpstreamCompletions
from unlearn_core.errors import ModelUnavailableError
from unlearn_core.http_errors import UpstreamMismatchError, UpstreamUnavailableError

TIMEOUT_SECONDS = 60.0
WAITS_SECONDS = (1.0, 4.0, 15.0)
"""Waits before a further try, where the service is busy or away."""


class CompletionsService:
    """`LogprobSource` over ``/v1/completions``.

    Args:
        address: Address of the service, up to and without ``/v1``.
        model: Name of the model there.
        key: API key, if one is needed.
        told: How many tokens are asked for at a position.
    """

    def __init__(
        self, address: str, *, model: str, key: SecretStr | None = None, told: int = 20
    ) -> None:
        self._service = UpstreamCompletions(
            address,
            model=model,
            key=key,
            tokens=told,
            timeout_seconds=TIMEOUT_SECONDS,
            waits_seconds=WAITS_SECONDS,
        )

    def likeliest(
        self, contexts: Sequence[Sequence[int]]
    ) -> Sequence[Mapping[int, float]]:
        """Return log-probabilities of the likeliest tokens after each context.

        Raises:
            ModelUnavailableError: The service does not answer, refuses, or answers in
                another form.
        """
        try:
            return self._service.tell(contexts).laws if contexts else []
        except (UpstreamMismatchError, UpstreamUnavailableError) as error:
            status = error.facts.get("status")
            problem = error.facts.get("problem", "remote base")
            raise ModelUnavailableError(problem=problem, status=status) from None

    def close(self) -> None:
        """Close the connections."""
        self._service.close()
