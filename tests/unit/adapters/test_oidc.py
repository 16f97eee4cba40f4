from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc.jwk import ECKey
from pydantic import SecretStr
from support.domain import NOW
from support.issuer import ADDRESS, CLIENT_ID, CLIENT_SECRET, LocalIssuer

from unlearn_core.adapters.memory.records import MemoryClock
from unlearn_core.adapters.oidc import OidcIssuer, Registration
from unlearn_core.domain.access import Role
from unlearn_core.http_errors import LoginRefusedError, LoginUnavailableError

# The example of RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.fixture
def issuer() -> LocalIssuer:
    return LocalIssuer()


def ours(
    issuer: LocalIssuer,
    *,
    at: str = ADDRESS,
    secret: str | None = CLIENT_SECRET,
    later: timedelta = timedelta(),
) -> OidcIssuer:
    registration = Registration(
        issuer=at,
        client_id=CLIENT_ID,
        client_secret=SecretStr(secret) if secret else None,
        redirect="https://unlearn.example/console/callback",
    )
    clock = MemoryClock(NOW + later)
    return OidcIssuer(registration, clock=clock, client=issuer.client())


def code_from(issuer: LocalIssuer, provider: OidcIssuer, nonce: str = "n") -> str:
    address = provider.address(state="s", nonce=nonce, challenge=CHALLENGE)
    assert address.startswith(f"{ADDRESS}/authorize?")
    back = dict(parse_qsl(issuer.sign_in(dict(parse_qsl(urlsplit(address).query)))))
    assert back["state"] == "s"
    return back["code"]


def test_whom_the_issuer_vouches_for_is_known_by_name_and_roles(
    issuer: LocalIssuer,
) -> None:
    provider = ours(issuer)
    issuer.claims["roles"] = ["approver", "auditor", "cook"]
    found = provider.identify(code_from(issuer, provider), nonce="n", verifier=VERIFIER)
    assert (found.name, found.roles) == (
        "Olga Officer",
        frozenset({Role.APPROVER, Role.AUDITOR}),
    )
    assert "person-17" not in repr(found)


def test_a_code_counts_once(issuer: LocalIssuer) -> None:
    provider = ours(issuer)
    code = code_from(issuer, provider)
    provider.identify(code, nonce="n", verifier=VERIFIER)
    with pytest.raises(LoginRefusedError, match="code"):
        provider.identify(code, nonce="n", verifier=VERIFIER)


def test_another_verifier_or_secret_gets_no_token(issuer: LocalIssuer) -> None:
    provider = ours(issuer)
    with pytest.raises(LoginRefusedError, match="code"):
        provider.identify(code_from(issuer, provider), nonce="n", verifier="x" * 43)
    for secret in (None, "guess"):
        other = ours(issuer, secret=secret)
        with pytest.raises(LoginRefusedError, match="code"):
            other.identify(code_from(issuer, other), nonce="n", verifier=VERIFIER)


@pytest.mark.parametrize(
    ("claims", "later_seconds"),
    [
        ({"iss": "https://other.example"}, 0),
        ({"aud": "another client"}, 0),
        ({"aud": [CLIENT_ID, "another"], "azp": "another"}, 0),
        ({"nonce": "of another sign-in"}, 0),
        ({"nonce": None}, 0),
        ({"exp": None}, 0),
        ({"iat": None}, 0),
        ({"sub": None}, 0),
        ({"preferred_username": None}, 0),
        ({"preferred_username": ["Olga"]}, 0),
        ({}, 361),
        ({}, -61),
    ],
)
def test_a_token_that_is_not_for_us_or_not_for_now_is_refused(
    issuer: LocalIssuer, claims: dict[str, object], later_seconds: int
) -> None:
    provider = ours(issuer, later=timedelta(seconds=later_seconds))
    issuer.claims |= claims
    with pytest.raises(LoginRefusedError):
        provider.identify(code_from(issuer, provider), nonce="n", verifier=VERIFIER)


@pytest.mark.parametrize("later_seconds", [-60, 0, 359])
def test_clocks_may_differ_by_a_minute(issuer: LocalIssuer, later_seconds: int) -> None:
    provider = ours(issuer, later=timedelta(seconds=later_seconds))
    code = code_from(issuer, provider)
    assert provider.identify(code, nonce="n", verifier=VERIFIER).name == "Olga Officer"


def test_a_token_that_another_key_signed_is_refused(issuer: LocalIssuer) -> None:
    provider = ours(issuer)
    issuer.signs_with = ECKey.generate_key("P-256", {"kid": "1"}, private=True)
    with pytest.raises(LoginRefusedError, match="token"):
        provider.identify(code_from(issuer, provider), nonce="n", verifier=VERIFIER)


@pytest.mark.parametrize("roles", [None, "approver", {"approver": True}, [], [7]])
def test_roles_that_are_no_list_of_roles_are_none(
    issuer: LocalIssuer, roles: object
) -> None:
    provider = ours(issuer)
    issuer.claims["roles"] = roles
    code = code_from(issuer, provider)
    found = provider.identify(code, nonce="n", verifier=VERIFIER)
    assert found.roles == frozenset()


def test_an_issuer_that_is_away_or_another_one_is_said_so(issuer: LocalIssuer) -> None:
    with pytest.raises(LoginUnavailableError, match="another issuer"):
        ours(issuer, at=f"{ADDRESS}/").address(state="s", nonce="n", challenge="c")
    issuer.is_away = True
    with pytest.raises(LoginUnavailableError):
        ours(issuer).address(state="s", nonce="n", challenge="c")


@pytest.mark.parametrize(
    "other",
    [
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"},
        {"kty": "EC", "crv": "P-0", "x": "AA", "y": "AA"},
        {"kty": "RSA"},
        {},
        "a word",
        None,
    ],
)
def test_keys_of_a_kind_that_we_do_not_know_are_ignored(
    issuer: LocalIssuer, other: object
) -> None:
    provider = ours(issuer)
    issuer.other_keys = [other]
    code = code_from(issuer, provider)
    assert provider.identify(code, nonce="n", verifier=VERIFIER).name == "Olga Officer"


@pytest.mark.parametrize("place", ["https://[::1", "http://a b\x00c/"])
def test_an_address_that_is_none_is_the_issuers_fault_not_ours(
    issuer: LocalIssuer, place: str
) -> None:
    provider = ours(issuer)
    code = code_from(issuer, provider)
    issuer.keys_at = place
    with pytest.raises(LoginUnavailableError):
        provider.identify(code, nonce="n", verifier=VERIFIER)
