import hashlib

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from support.access import Watch

from unlearn_core.http_errors import ApiKeyError, RateLimitedError
from unlearn_core.serving import admission
from unlearn_core.serving.admission import Admission, Gate


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def admits(gate: Admission, key: str = "", address: str = "here") -> bool:
    try:
        gate.admit(authorization=f"Bearer {key}" if key else "", address=address)
    except (ApiKeyError, RateLimitedError):
        return False
    return True


@pytest.mark.parametrize(
    ("authorization", "is_known"),
    [
        ("Bearer first", True),
        ("Bearer second", True),
        ("bearer first", True),
        ("Bearer  first ", True),
        ("Bearer third", False),
        ("Bearer", False),
        ("Basic first", False),
        ("first", False),
        ("", False),
        ("Bearer Müller", False),
    ],
)
def test_a_key_is_known_by_its_digest(authorization: str, *, is_known: bool) -> None:
    gate = Admission(api_keys=[digest("first"), digest("second")])
    if is_known:
        gate.admit(authorization=authorization, address="")
    else:
        with pytest.raises(ApiKeyError):
            gate.admit(authorization=authorization, address="")


def test_the_digest_of_a_key_is_no_key() -> None:
    assert not admits(Admission(api_keys=[digest("first")]), digest("first"))


def test_without_keys_and_rate_everybody_is_let_in() -> None:
    assert all(admits(Admission()) for _ in range(100))


def test_shares_are_counted_per_key_or_else_per_address() -> None:
    by_address = Admission(requests_per_minute=1, now=Watch())
    assert [admits(by_address, address=a) for a in "aba"] == [True, True, False]
    by_key = Admission(
        api_keys=[digest("k"), digest("l")], requests_per_minute=1, now=Watch()
    )
    calls = [("k", "a"), ("k", "b"), ("l", "a"), ("l", "c")]
    found = [admits(by_key, key, address) for key, address in calls]
    assert found == [True, False, True, False]


def test_an_unknown_key_uses_up_nobodys_share() -> None:
    gate = Admission(api_keys=[digest("k")], requests_per_minute=1, now=Watch())
    assert [admits(gate, key) for key in ("x", "x", "k")] == [False, False, True]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/health", 200),
        ("/ready", 200),
        ("/state", 200),
        ("/webhook", 200),
        ("/v1/models", 401),
        ("/v1/models/", 401),
        ("/nothing", 401),
        ("/openapi.json", 401),
        ("/state/", 401),
    ],
)
def test_only_the_open_paths_need_no_key(path: str, status: int) -> None:
    app = FastAPI()
    app.add_middleware(Gate, admission=Admission(api_keys=[digest("k")]))
    for open_path in (*admission.OPEN_PATHS, "/v1/models"):
        app.add_api_route(open_path, lambda: "here")
    client = TestClient(app)
    assert client.get(path).status_code == status
    if status == 401:
        assert client.get(path).json()["error"]["code"] == "invalid_api_key"
        answer = client.get(path, headers={"Authorization": "Bearer k"})
        assert answer.status_code in {200, 404}
