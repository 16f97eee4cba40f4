"""A browser that is signed in to the console."""

from typing import Any, Protocol

from fastapi.testclient import TestClient

from unlearn_core.domain.access import Role, form_token
from unlearn_core.intake.gate import COOKIE


class Browser:
    """A signed-in browser.

    Attributes:
        client: What it asks with.
        token: Its session.
    """

    def __init__(self, client: TestClient, token: str) -> None:
        self.client = client
        self.token = token

    def get(self, path: str, **headers: str) -> str:
        """Return the text of a page."""
        answer = self.answer(path, **headers)
        assert answer.status_code == 200, answer.text
        return str(answer.text)

    def answer(self, path: str, **headers: str) -> Any:  # noqa: ANN401 - an answer
        """Return how a page is answered."""
        return self.client.get(path, headers=self._headers(headers))

    def post(self, path: str, **fields: str) -> tuple[int, str]:
        """Send a form of this session; return status and text or place."""
        answer = self.send(path, **fields)
        return answer.status_code, answer.headers.get("Location", answer.text)

    def send(self, path: str, **fields: str) -> Any:  # noqa: ANN401 - an answer
        """Send a form of this session; return how it is answered."""
        return self.client.post(
            path,
            data=fields | {"form_token": form_token(self.token)},
            headers=self._headers({}),
        )

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        return {"Cookie": f"{COOKIE}={self.token}"} | {
            name.replace("_", "-"): value for name, value in more.items()
        }


class SignIn(Protocol):
    """Signs somebody in with a key of one role."""

    def __call__(self, role: Role, name: str = ...) -> Browser:
        """Return their browser."""
        ...
