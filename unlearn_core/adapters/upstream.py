"""Asks an OpenAI-compatible service for the next-token laws of its model.

One-token completions are asked for, all contexts of a step in one question. Contexts go
out as token ids and tokens come back by their ids (``return_tokens_as_token_ids``, as
vLLM and this service's own interface have it). What was asked is in no error and no
log.
"""

import time
from collections.abc import Mapping, Sequence

import httpx
from pydantic import SecretStr

from unlearn_core.http_errors import UpstreamMismatchError, UpstreamUnavailableError
from unlearn_core.ports.upstream import Told

CONTEXTS_AT_ONCE = 32
WAITS_SECONDS = (0.2, 1.0)

RETRY_SECONDS = 1
_ID = "token_id:"
_BUSY = frozenset({408, 429, 500, 502, 503, 504})


class UpstreamCompletions:
    """`Upstream` over ``/v1/completions``.

    Args:
        address: Address of the service, up to and without ``/v1``.
        model: Name of the model there.
        key: API key, if one is needed.
        tokens: How many tokens are asked for at a position.
        timeout_seconds: Longest wait for an answer.
        waits_seconds: Waits before a further try, where the service is busy or away.
    """

    def __init__(
        self,
        address: str,
        *,
        model: str,
        key: SecretStr | None,
        tokens: int,
        timeout_seconds: float,
        waits_seconds: Sequence[float] = WAITS_SECONDS,
    ) -> None:
        headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
        self._client = httpx.Client(
            base_url=address, timeout=timeout_seconds, headers=headers
        )
        self._model = model
        self._waits_seconds = waits_seconds
        self.tokens = tokens

    def tell(self, contexts: Sequence[Sequence[int]]) -> Told:
        """Return what the service says after each context; see `Upstream`."""
        told = [
            self._told(contexts[begin : begin + CONTEXTS_AT_ONCE])
            for begin in range(0, len(contexts), CONTEXTS_AT_ONCE)
        ]
        marks = {part.mark for part in told}
        if len(marks) > 1:
            raise UpstreamMismatchError(problem="changes from answer to answer")
        return Told(laws=[law for part in told for law in part.laws], mark=marks.pop())

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _told(self, contexts: Sequence[Sequence[int]]) -> Told:
        answer = self._asked(
            {
                "model": self._model,
                "prompt": [list(context) for context in contexts],
                "max_tokens": 1,
                "temperature": 0.0,
                "logprobs": self.tokens,
                "return_tokens_as_token_ids": True,
                # An answer that ends at once would come without its law.
                "ignore_eos": True,
            }
        )
        try:
            body = answer.json()
            choices = sorted(body["choices"], key=lambda item: item["index"])
            laws = [_by_id(item["logprobs"]["top_logprobs"][0]) for item in choices]
            mark = f"{body['model']} {body.get('system_fingerprint')}"
            offset = (body.get("offset") or {}).get("sequence")
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            raise UpstreamMismatchError(problem="answer of another form") from None
        if [item["index"] for item in choices] != list(range(len(contexts))):
            raise UpstreamMismatchError(problem="answer of another length")
        if offset:
            raise UpstreamMismatchError(problem="has an offset of its own")
        return Told(laws=laws, mark=mark)

    def _asked(self, question: Mapping[str, object]) -> httpx.Response:
        """Ask, and ask again where that may help."""
        status = 0
        for wait in (*self._waits_seconds, None):
            try:
                answer = self._client.post("/v1/completions", json=question)
            except httpx.HTTPError:
                status = 0
            else:
                if answer.is_success:
                    return answer
                status = answer.status_code
                if status not in _BUSY:
                    raise UpstreamMismatchError(problem="refuses", status=status)
            if wait is not None:
                time.sleep(wait)
        raise UpstreamUnavailableError(status=status, retry_seconds=RETRY_SECONDS)


def _by_id(told: Mapping[str, float]) -> dict[int, float]:
    """Read tokens that are named by their ids; refuse those named by their texts."""
    if not all(name.startswith(_ID) for name in told):
        raise UpstreamMismatchError(problem="tokens are not told by their ids")
    return {int(name.removeprefix(_ID)): float(value) for name, value in told.items()}
