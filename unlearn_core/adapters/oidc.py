"""Signing in with an OpenID provider: authorization code with PKCE.

- OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3; RFC 7636 with S256 only.
- The identity token has to be signed by a key of the issuer with an asymmetric
  algorithm, for us, now, and for this very sign-in (``nonce``).
- Nothing of a token is kept, shown or logged but name and roles.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, KeySet
from pydantic import SecretStr

from unlearn_core.domain.access import known_roles
from unlearn_core.http_errors import LoginRefusedError, LoginUnavailableError
from unlearn_core.ports import Clock, Identity
from unlearn_core.privacy import Personal

ALGORITHMS = ["Ed25519", "ES256", "PS256", "RS256"]
CLOCK_SKEW_SECONDS = 60
TIMEOUT_SECONDS = 10.0
DISCOVERY = "/.well-known/openid-configuration"

_UNREACHABLE = (httpx.HTTPError, httpx.InvalidURL)
"""What an address of the issuer may come to; the second is no kind of the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """How we are known to the issuer.

    Attributes:
        issuer: Address of the issuer, as it stands in its tokens.
        client_id: Our name there.
        client_secret: Our secret there; None for a public client.
        redirect: Where browsers come back to.
        name_claim: Claim with the name under which somebody decides.
        roles_claim: Claim with a list of role names.
    """

    issuer: str
    client_id: str
    redirect: str
    client_secret: SecretStr | None = None
    name_claim: str = "preferred_username"
    roles_claim: str = "roles"


class OidcIssuer:
    """`LoginIssuer` over an OpenID provider.

    Args:
        registration: How we are known there.
        clock: Judges whether a token is current.
        client: Makes the requests.
    """

    def __init__(
        self,
        registration: Registration,
        *,
        clock: Clock,
        client: httpx.Client | None = None,
    ) -> None:
        self._known = registration
        self._clock = clock
        self._client = client or httpx.Client(timeout=TIMEOUT_SECONDS)

    def address(self, *, state: str, nonce: str, challenge: str) -> str:
        """Return where a browser goes to sign in."""
        query = {
            "response_type": "code",
            "client_id": self._known.client_id,
            "redirect_uri": self._known.redirect,
            "scope": "openid profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = self._place(self._discovered(), "authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    def identify(self, code: str, *, nonce: str, verifier: str) -> Identity:
        """Exchange a code for a checked identity."""
        places = self._discovered()
        token = self._token(self._place(places, "token_endpoint"), code, verifier)
        claims = self._checked(token, self._place(places, "jwks_uri"), nonce)
        subject, name = claims.get("sub"), claims.get(self._known.name_claim)
        if not isinstance(subject, str) or not isinstance(name, str):
            raise LoginRefusedError(problem="no name")
        roles = claims.get(self._known.roles_claim)
        return Identity(
            subject=Personal(subject),
            name=name,
            roles=known_roles(roles if isinstance(roles, list) else ()),
        )

    def _discovered(self) -> Mapping[str, Any]:
        places = self._fetch(self._known.issuer.rstrip("/") + DISCOVERY)
        if places.get("issuer") != self._known.issuer:
            raise LoginUnavailableError(problem="another issuer answers")
        return places

    def _place(self, places: Mapping[str, Any], name: str) -> str:
        place = places.get(name)
        if not isinstance(place, str):
            raise LoginUnavailableError(missing=name)
        return place

    def _token(self, endpoint: str, code: str, verifier: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._known.redirect,
            "client_id": self._known.client_id,
            "code_verifier": verifier,
        }
        secret = self._known.client_secret
        proof = httpx.Auth()  # a public client proves itself by the verifier alone
        if secret is not None:  # both encoded first: RFC 6749, section 2.3.1
            words = (self._known.client_id, secret.get_secret_value())
            proof = httpx.BasicAuth(*map(quote_plus, words))
        try:
            answer = self._client.post(endpoint, data=form, auth=proof)
            if answer.status_code in {400, 401}:
                raise LoginRefusedError(problem="the code is not accepted")
            token = answer.raise_for_status().json()["id_token"]
        except (*_UNREACHABLE, ValueError, KeyError, TypeError):
            raise LoginUnavailableError from None
        return str(token)

    def _checked(self, token: str, keys_at: str, nonce: str) -> dict[str, Any]:
        registry = jwt.JWTClaimsRegistry(
            now=int(self._clock.now().timestamp()),
            leeway=CLOCK_SKEW_SECONDS,
            iss={"essential": True, "value": self._known.issuer},
            aud={"essential": True, "value": self._known.client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            keys = _usable(self._fetch(keys_at))
            claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
            registry.validate(claims)
        except (JoseError, ValueError, KeyError, TypeError):
            raise LoginRefusedError(problem="the token is not valid") from None
        # A token for several parties has to name us as the one who asked for it.
        if claims.get("azp", self._known.client_id) != self._known.client_id:
            raise LoginRefusedError(problem="the token is for somebody else")
        return dict(claims)

    def _fetch(self, address: str) -> Mapping[str, Any]:
        try:
            found = self._client.get(address).raise_for_status().json()
        except (*_UNREACHABLE, ValueError):
            raise LoginUnavailableError from None
        if not isinstance(found, dict):
            raise LoginUnavailableError(problem="not a document")
        return found


def _usable(document: Mapping[str, Any]) -> KeySet:
    """Return the keys of a set that we can check with; others mean nothing here.

    RFC 7517, section 5: keys of an unknown kind, or without a needed member, are to be
    ignored.

    Raises:
        KeyError: The document has no list of keys.
        TypeError: It has something else in its place.
    """
    keys = []
    for described in document["keys"]:
        try:
            keys.append(JWKRegistry.import_key(described))
        except (JoseError, ValueError, KeyError, TypeError):
            continue
    return KeySet(keys)
