"""Asks an OpenAI-compatible service for the likeliest next tokens.

One-token completions of prompts of token ids are asked for, with log-probabilities.
Tokens must be told by their ids (``return_tokens_as_token_ids``, as vLLM has it): two
tokens may have the same text.
"""

import time
from collections.abc import Mapping, Sequence

import httpx
from pydantic import SecretStr

from unlearn_core.errors import ModelUnavailableError

CONTEXTS_AT_ONCE = 32
TIMEOUT_SECONDS = 60.0
WAITS_SECONDS = (1.0, 4.0, 15.0)
"""Waits before a further try, where the service is busy or away."""

_ID = "token_id:"
_BUSY = frozenset({408, 429, 500, 502, 503, 504})


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
        headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
        self._client = httpx.Client(
            base_url=address, timeout=TIMEOUT_SECONDS, headers=headers
        )
        self._model = model
        self._told = told

    def likeliest(
        self, contexts: Sequence[Sequence[int]]
    ) -> Sequence[Mapping[int, float]]:
        """Return log-probabilities of the likeliest tokens after each context.

        Raises:
            ModelUnavailableError: The service does not answer, refuses, or answers in
                another form.
        """
        return [
            tokens
            for begin in range(0, len(contexts), CONTEXTS_AT_ONCE)
            for tokens in self._told_about(contexts[begin : begin + CONTEXTS_AT_ONCE])
        ]

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _told_about(self, contexts: Sequence[Sequence[int]]) -> list[dict[int, float]]:
        answer = self._asked(
            {
                "model": self._model,
                "prompt": [list(context) for context in contexts],
                "max_tokens": 1,
                "temperature": 0.0,
                "logprobs": self._told,
                "return_tokens_as_token_ids": True,
            }
        )
        try:
            choices = sorted(answer.json()["choices"], key=lambda item: item["index"])
            found = [_by_id(item["logprobs"]["top_logprobs"][0]) for item in choices]
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            raise ModelUnavailableError(problem="answer of another form") from None
        if len(found) != len(contexts):
            raise ModelUnavailableError(problem="answer of another length")
        return found

    def _asked(self, question: Mapping[str, object]) -> httpx.Response:
        """Ask, and ask again where that may help; no text of the other side is kept."""
        status = 0
        for wait in (*WAITS_SECONDS, None):
            try:
                answer = self._client.post("/v1/completions", json=question)
            except httpx.HTTPError:
                status = 0
            else:
                if answer.is_success:
                    return answer
                status = answer.status_code
            if wait is None or status not in _BUSY | {0}:
                break
            time.sleep(wait)
        raise ModelUnavailableError(problem="remote base", status=status)


def _by_id(told: Mapping[str, float]) -> dict[int, float]:
    """Read tokens that are named by their ids; refuse those named by their texts."""
    if not all(name.startswith(_ID) for name in told):
        raise ModelUnavailableError(problem="tokens are not told by their ids")
    return {int(name.removeprefix(_ID)): float(value) for name, value in told.items()}
