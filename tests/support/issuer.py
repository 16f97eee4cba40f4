"""A small OpenID provider that checks what it is sent, inside the test's process."""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey
from support.domain import NOW

ADDRESS = "https://login.controller.example"
CLIENT_ID, CLIENT_SECRET = "console", "a secret: of & for us"
PROOF = "console:a+secret%3A+of+%26+for+us"
"""Both as RFC 6749, section 2.3.1, wants them."""


class LocalIssuer:
    """An issuer for one person who is signed in there already.

    Attributes:
        claims: What it says about the person, beside the usual.
        signs_with: Its private key; tests may put another in its place.
        is_away: Whether it does not answer.
        other_keys: What else stands among its public keys.
        keys_at: Where it says that its public keys are.
    """

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {
            "preferred_username": "Olga Officer",
            "roles": ["approver"],
        }
        self.published = ECKey.generate_key("P-256", {"kid": "1"}, private=True)
        self.signs_with = self.published
        self.is_away = False
        self.other_keys: list[object] = []
        self.keys_at = f"{ADDRESS}/keys"
        self._codes: dict[str, Mapping[str, str]] = {}

    def sign_in(self, query: Mapping[str, str]) -> str:
        """Do what a person does there; return the query that comes back."""
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT_ID
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        return urlencode({"code": code, "state": query["state"]})

    def client(self) -> httpx.Client:
        """Return what talks to it as over HTTP."""
        return httpx.Client(transport=httpx.WSGITransport(app=self._serve))

    def _serve(
        self, environ: dict[str, Any], start_response: Callable[..., object]
    ) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        answers: Mapping[str, Callable[[dict[str, Any]], object]] = {
            "/.well-known/openid-configuration": self._configuration,
            "/keys": lambda _: {
                "keys": [*self.other_keys, self.published.as_dict(private=False)]
            },
            "/token": self._exchange,
        }
        found = None if self.is_away else answers[environ["PATH_INFO"]](environ)
        status = {None: "503 Away", False: "400 No", True: "200 Yes"}
        word = status[None if found is None else bool(found)]
        start_response(word, [("Content-Type", "application/json")])
        return [json.dumps(found).encode()]

    def _configuration(self, _environ: dict[str, Any]) -> dict[str, str]:
        return {
            "issuer": ADDRESS,
            "authorization_endpoint": f"{ADDRESS}/authorize",
            "token_endpoint": f"{ADDRESS}/token",
            "jwks_uri": self.keys_at,
        }

    def _exchange(self, environ: dict[str, Any]) -> dict[str, str]:
        """Return a token for a code, or nothing."""
        body = environ["wsgi.input"].read().decode()
        form = dict(parse_qsl(body))
        begun = self._codes.pop(form["code"], None)  # a code counts once
        proof = base64.b64encode(PROOF.encode()).decode()
        is_fine = (
            environ.get("HTTP_AUTHORIZATION") == f"Basic {proof}"
            and begun is not None
            and _fits(begun["code_challenge"], form["code_verifier"])
            and form["redirect_uri"] == begun["redirect_uri"]
        )
        if begun is None or not is_fine:
            return {}
        return {"id_token": self._token(begun["nonce"]), "token_type": "Bearer"}

    def _token(self, nonce: str) -> str:
        now = int(NOW.timestamp())
        claims = {
            "iss": ADDRESS,
            "aud": CLIENT_ID,
            "sub": "person-17",
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
        } | self.claims
        header = {"alg": "ES256", "kid": "1"}
        present = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(header, present, self.signs_with)


def _fits(challenge: str, verifier: str) -> bool:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=") == challenge
