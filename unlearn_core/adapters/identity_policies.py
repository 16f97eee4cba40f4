"""How requesters prove who they are."""

import hashlib
import json
from datetime import datetime
from pathlib import Path

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from unlearn_core.domain.canonical import canonical_json
from unlearn_core.domain.codes import Proof
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import KeyMissingError
from unlearn_core.ports import IdentityDecision
from unlearn_core.privacy import Personal

AUDIENCE = "unlearn"
ALGORITHM = "Ed25519"
CLOCK_SKEW_SECONDS = 60


def binding(subject: DataSubject, *, salt: str) -> str:
    """Return what binds a token to the identifiers that it vouches for.

    The salt is the token's own random identifier, so the binding cannot be looked up
    in a table of names.
    """
    canonical = sorted(
        [item.kind.value, item.canonical.reveal()] for item in subject.identifiers
    )
    return hashlib.sha256(salt.encode() + canonical_json(canonical)).hexdigest()


class SignedTokenPolicy:
    """Accepts a token of the controller's identity provider (JWT, Ed25519).

    The token vouches for exactly the submitted identifiers, by `binding`, for a
    limited time.

    Args:
        issuer: Expected issuer.
        public_key: The issuer's public key.
    """

    NAME = "signed_token"
    proof = Proof.WITH_REQUEST

    def __init__(self, *, issuer: str, public_key: OKPKey) -> None:
        self._issuer = issuer
        self._key = public_key

    def decide(
        self, subject: DataSubject, evidence: Personal[str] | None, *, now: datetime
    ) -> IdentityDecision:
        """Judge a token."""
        if evidence is None:
            return self._refused("no_evidence")
        try:
            claims = jwt.decode(
                evidence.reveal(), self._key, algorithms=[ALGORITHM]
            ).claims
        except (JoseError, ValueError):
            return self._refused("bad_signature")
        if claims.get("iss") != self._issuer or claims.get("aud") != AUDIENCE:
            return self._refused("wrong_issuer")
        if not self._is_current(claims.get("iat"), claims.get("exp"), now):
            return self._refused("expired")
        salt = claims.get("jti")
        if not isinstance(salt, str) or claims.get("sub") != binding(
            subject, salt=salt
        ):
            return self._refused("other_person")
        return IdentityDecision(is_verified=True, method=self.NAME, reason="")

    @staticmethod
    def _is_current(issued: object, expires: object, now: datetime) -> bool:
        if not isinstance(issued, int) or not isinstance(expires, int):
            return False
        moment = now.timestamp()
        return issued - CLOCK_SKEW_SECONDS <= moment < expires

    def _refused(self, reason: str) -> IdentityDecision:
        return IdentityDecision(is_verified=False, method=self.NAME, reason=reason)


class AuthenticatedChannelPolicy:
    """Trusts the channel: for requests that an authenticated operator enters.

    The page that anybody can use is never trusted (`steps.verify_identity`).
    """

    NAME = "authenticated_channel"
    proof = Proof.CHANNEL

    def decide(
        self, subject: DataSubject, evidence: Personal[str] | None, *, now: datetime
    ) -> IdentityDecision:
        """Accept; that the channel was trusted is recorded."""
        del subject, evidence, now
        return IdentityDecision(is_verified=True, method=self.NAME, reason="")


class _ProvenElsewhere:
    """Whoever comes here has proven nothing in time."""

    NAME: str

    def decide(
        self, subject: DataSubject, evidence: Personal[str] | None, *, now: datetime
    ) -> IdentityDecision:
        """Refuse: nothing was proven."""
        del subject, evidence, now
        return IdentityDecision(
            is_verified=False, method=self.NAME, reason="no_evidence"
        )


class EmailCodePolicy(_ProvenElsewhere):
    """Waits for a one-time code that is sent to the subject's address.

    The code itself is checked where it is entered (`steps.prove_identity`); whoever
    comes here has entered none in time, or has no address.
    """

    NAME = "email_code"
    proof = Proof.CODE


class ManualPolicy(_ProvenElsewhere):
    """Waits for an officer who confirms identity; without one the answer is no."""

    NAME = "manual"
    proof = Proof.OFFICER


def proof_of(policy: str) -> Proof:
    """Return what proof a policy asks for, by the policy's registered name."""
    known = (
        SignedTokenPolicy,
        AuthenticatedChannelPolicy,
        EmailCodePolicy,
        ManualPolicy,
    )
    (found,) = (item.proof for item in known if policy == item.NAME)
    return found


def load_public_key(path: Path) -> OKPKey:
    """Read the token issuer's public key from a JWK file.

    Raises:
        KeyMissingError: The file is missing or malformed.
    """
    try:
        return OKPKey.import_key(json.loads(path.read_bytes()))
    except (OSError, ValueError, JoseError):
        raise KeyMissingError(file=path.name) from None


def issue_token(
    subject: DataSubject,
    *,
    issuer: str,
    private_key: OKPKey,
    token_id: str,
    issued_at: int,
    valid_seconds: int = 3600,
) -> Personal[str]:
    """Issue a token as an identity provider would; for the demo and for tests."""
    claims = {
        "iss": issuer,
        "aud": AUDIENCE,
        "jti": token_id,
        "sub": binding(subject, salt=token_id),
        "iat": issued_at,
        "exp": issued_at + valid_seconds,
    }
    return Personal(
        jwt.encode({"alg": ALGORITHM}, claims, private_key, algorithms=[ALGORITHM])
    )
