"""``unlearn ask``: put questions to an inference service, as any user would."""

import sys

import httpx
import typer

from unlearn_core.errors import ServingUnavailableError
from unlearn_core.settings import load_settings

ANSWER_TOKENS = 64
TIMEOUT_SECONDS = 120.0


def ask() -> None:
    """Answer questions from standard input, one a line; nothing is kept.

    Every answer comes with the version of the offset that was in force.
    """
    settings = load_settings()
    with httpx.Client(
        base_url=settings.replicas[0], timeout=TIMEOUT_SECONDS
    ) as service:
        if sys.stdin.isatty():
            typer.echo("Type a question; Ctrl-D ends.", err=True)
        for line in sys.stdin:
            if question := line.strip():
                answer, version = _answer(service, settings.model.name, question)
                typer.echo(answer)
                typer.echo(f"  [{version}]", err=True)


def _answer(service: httpx.Client, model: str, question: str) -> tuple[str, str]:
    """Return an answer and the words for the version that gave it.

    Raises:
        ServingUnavailableError: The service does not answer, or refuses to.
    """
    try:
        answer = service.post(
            "/v1/chat/completions",
            json={
                "model": model,
                "messages": [{"role": "user", "content": question}],
                "max_tokens": ANSWER_TOKENS,
                "temperature": 0,
            },
        )
        answer.raise_for_status()
    except httpx.HTTPStatusError as error:
        raise ServingUnavailableError(status=error.response.status_code) from None
    except httpx.HTTPError as error:
        raise ServingUnavailableError(reason=type(error).__name__) from None
    body = answer.json()
    sequence = body["offset"]["sequence"]
    text = str(body["choices"][0]["message"]["content"])
    return text, f"offset {sequence}" if sequence else "no offset yet"
