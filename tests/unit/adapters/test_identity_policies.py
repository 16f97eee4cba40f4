import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey
from support.domain import NOW
from support.sources import subject

from unlearn_core.adapters.identity_policies import (
    AuthenticatedChannelPolicy,
    SignedTokenPolicy,
    binding,
    issue_token,
    load_public_key,
    proof_of,
)
from unlearn_core.domain.codes import Proof
from unlearn_core.errors import KeyMissingError
from unlearn_core.privacy import Personal

ISSUER = "https://id.unlearn.example"
KEY = OKPKey.generate_key("Ed25519")
SALT = "4f1c"
ISSUED_AT = int(NOW.timestamp())

CLAIMS: dict[str, object] = {
    "iss": ISSUER,
    "aud": "unlearn",
    "jti": SALT,
    "sub": binding(subject(), salt=SALT),
    "iat": ISSUED_AT,
    "exp": ISSUED_AT + 3600,
}


def policy() -> SignedTokenPolicy:
    """Return the policy with the issuer's public key only."""
    public = OKPKey.import_key(KEY.as_dict(private=False))
    return SignedTokenPolicy(issuer=ISSUER, public_key=public)


def token(key: OKPKey = KEY, /, **changes: object) -> str:
    """Return a token; a claim of None is left out."""
    claims = {
        name: value
        for name, value in {**CLAIMS, **changes}.items()
        if value is not None
    }
    return jwt.encode({"alg": "Ed25519"}, claims, key, algorithms=["Ed25519"])


def reason(evidence: str, *, seconds: float = 0) -> str:
    """Return the reason of the refusal at a time after the issue."""
    decision = policy().decide(
        subject(), Personal(evidence), now=NOW + timedelta(seconds=seconds)
    )
    assert decision.is_verified == (decision.reason == "")
    return decision.reason


def test_a_genuine_token_is_believed() -> None:
    assert reason(token()) == ""


@pytest.mark.parametrize(
    ("claim", "value", "expected"),
    [
        ("iss", "https://evil.example", "wrong_issuer"),
        ("iss", None, "wrong_issuer"),
        ("aud", "another-service", "wrong_issuer"),
        ("aud", ["unlearn", "another-service"], "wrong_issuer"),
        ("aud", None, "wrong_issuer"),
        ("exp", None, "expired"),
        ("exp", "tomorrow", "expired"),
        ("exp", ISSUED_AT, "expired"),
        ("iat", None, "expired"),
        ("iat", ISSUED_AT + 61, "expired"),
        ("jti", None, "other_person"),
        ("jti", 7, "other_person"),
        ("jti", "another", "other_person"),
        ("sub", None, "other_person"),
        ("sub", "Ada Example", "other_person"),
    ],
)
def test_a_token_with_a_wrong_claim_is_refused(
    claim: str, value: object, expected: str
) -> None:
    assert reason(token(**{claim: value})) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-61, "expired"), (-60, ""), (0, ""), (3599.9, ""), (3600, "expired")],
)
def test_a_token_is_good_from_its_issue_less_skew_to_its_expiry(
    seconds: float, expected: str
) -> None:
    assert reason(token(), seconds=seconds) == expected


def test_a_token_by_another_key_is_refused() -> None:
    assert reason(token(OKPKey.generate_key("Ed25519"))) == "bad_signature"


def encoded(value: object) -> str:
    """Return JSON as a part of a token."""
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None])
def test_a_token_without_signature_is_refused(algorithm: str | None) -> None:
    header = {"alg": algorithm, "typ": "JWT"}
    for signature in ("", encoded("x")):
        forged = f"{encoded(header)}.{encoded(CLAIMS)}.{signature}"
        assert reason(forged) == "bad_signature"


def test_the_public_key_does_not_serve_as_a_shared_secret() -> None:
    """The classic confusion of algorithms: HS256 keyed with the public key."""
    public = KEY.as_dict(private=False)["x"]
    assert isinstance(public, str)
    secret = OctKey.import_key(urlsafe_b64decode(public + "="))
    forged = jwt.encode({"alg": "HS256"}, CLAIMS, secret, algorithms=["HS256"])
    assert reason(forged) == "bad_signature"


def test_a_key_that_the_token_brings_along_is_ignored() -> None:
    stranger = OKPKey.generate_key("Ed25519")
    header = {"alg": "Ed25519", "jwk": stranger.as_dict(private=False)}
    forged = jwt.encode(header, CLAIMS, stranger, algorithms=["Ed25519"])
    assert reason(forged) == "bad_signature"


def test_no_character_of_a_token_can_change() -> None:
    """The last one of each part is left out: base64 ignores some of its bits."""
    genuine = token()
    for position, letter in enumerate(genuine):
        following = genuine[position + 1 : position + 2]
        if letter == "." or following in {".", ""}:
            continue
        other = "A" if letter != "A" else "B"
        forged = genuine[:position] + other + genuine[position + 1 :]
        assert reason(forged) != ""


def test_a_token_is_no_good_when_replayed_for_another_person() -> None:
    ben = subject(name="Ben Muster", customer_number="C-1002")
    decision = policy().decide(ben, Personal(token()), now=NOW)
    assert (decision.is_verified, decision.reason) == (False, "other_person")


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{0,9}(\.[A-Za-z0-9_-]{0,9}){0,4}"))
def test_whatever_else_is_presented_is_refused_and_nothing_worse(text: str) -> None:
    assert reason(text) == "bad_signature"


def test_the_binding_is_a_salted_digest_of_the_canonical_identifiers() -> None:
    """sha256 of: 4f1c[["customer_number","C-1001"],["name","ada example"]]."""
    assert binding(subject(), salt="4f1c") == (
        "28ce2ec5c51eb99c2be6d80c29bf0d6084a773c44a6692860e7df29da958574a"
    )
    assert binding(subject(), salt="4f1d") != binding(subject(), salt="4f1c")


def test_an_issued_token_names_nobody() -> None:
    issued = issue_token(
        subject(), issuer=ISSUER, private_key=KEY, token_id=SALT, issued_at=ISSUED_AT
    )
    claims = jwt.decode(issued.reveal(), KEY, algorithms=["Ed25519"]).claims
    assert claims == CLAIMS
    assert "Ada" not in json.dumps(claims)
    assert str(issued) == "[personal]"


def test_the_trusted_channel_is_on_record() -> None:
    decision = AuthenticatedChannelPolicy().decide(subject(), None, now=NOW)
    assert (decision.is_verified, decision.method, decision.reason) == (
        True,
        "authenticated_channel",
        "",
    )


def test_the_public_key_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "identity.pub.json"
    path.write_text(json.dumps(KEY.as_dict(private=False)))
    key = load_public_key(path)
    assert jwt.decode(token(), key, algorithms=["Ed25519"]).claims == CLAIMS


@pytest.mark.parametrize(
    "content", [None, b"", b"{}", b"[]", b"7", b'{"kty": "RSA"}', b'{"kty": "OKP"}']
)
def test_a_missing_or_damaged_public_key_is_named(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "identity.pub.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KeyMissingError, match=r"file=identity\.pub\.json"):
        load_public_key(path)


@pytest.mark.parametrize(
    ("name", "proof"),
    [
        ("signed_token", Proof.WITH_REQUEST),
        ("authenticated_channel", Proof.CHANNEL),
        ("email_code", Proof.CODE),
        ("manual", Proof.OFFICER),
    ],
)
def test_every_policy_that_can_be_set_says_where_its_proof_comes_from(
    name: str, proof: Proof
) -> None:
    assert proof_of(name) is proof
