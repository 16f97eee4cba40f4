import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from mlflow.webhooks.delivery import _generate_hmac_signature
from support.serving import ServingWorld

from unlearn_core.serving.admission import Admission
from unlearn_core.serving.app import InferenceService, create_app
from unlearn_core.serving.webhook import is_signed

NOW = 1_800_000_000
SECRET = "a long random text"  # noqa: S105 - of this test alone
BODY = '{"entity": "model_version_alias", "action": "created"}'


def signed(
    secret: str = SECRET, *, at: int = NOW, delivery: str = "d1"
) -> dict[str, str]:
    """Return the headers of a delivery, signed by MLflow's own code."""
    return {
        "x-mlflow-delivery-id": delivery,
        "x-mlflow-timestamp": str(at),
        "x-mlflow-signature": _generate_hmac_signature(secret, delivery, str(at), BODY),
    }


@pytest.mark.parametrize(
    ("headers", "is_genuine"),
    [
        (signed(), True),
        (signed(at=NOW - 300), True),
        (signed(at=NOW + 300), True),
        (signed(at=NOW - 301), False),
        (signed(at=NOW + 301), False),
        (signed("another secret"), False),
        (signed() | {"x-mlflow-timestamp": str(NOW + 1)}, False),
        (signed() | {"x-mlflow-timestamp": "soon"}, False),
        (signed() | {"x-mlflow-timestamp": "²"}, False),
        (signed() | {"x-mlflow-timestamp": "9" * 5000}, False),
        (signed() | {"x-mlflow-delivery-id": "d2"}, False),
        (signed() | {"x-mlflow-signature": ""}, False),
        ({}, False),
    ],
)
def test_a_delivery_is_genuine_if_mlflow_signed_it_and_recent(
    headers: dict[str, str], *, is_genuine: bool
) -> None:
    found = is_signed(headers, BODY.encode(), secret=SECRET.encode(), now=NOW)
    assert found is is_genuine


def test_another_body_is_not_the_one_that_was_signed() -> None:
    assert not is_signed(signed(), b"{}", secret=SECRET.encode(), now=NOW)


@pytest.fixture
def world(tmp_path: Path) -> ServingWorld:
    return ServingWorld(tmp_path)


@pytest.fixture
def service(world: ServingWorld) -> InferenceService:
    """Return a replica that would look once an hour, for callers with a key."""
    return replace(
        world.replica(),
        admission=Admission(api_keys=["0" * 64]),
        webhook_secret=SECRET.encode(),
    )


@pytest.fixture
def client(service: InferenceService) -> Iterator[TestClient]:
    with TestClient(create_app(service)) as client:
        yield client


@pytest.mark.integration
def test_a_hint_makes_a_replica_look_at_once(
    world: ServingWorld, service: InferenceService, client: TestClient
) -> None:
    world.promote(1)
    assert service.slot.current.sequence == 0
    headers = signed(at=int(time.time()))
    assert client.post("/webhook", content=BODY, headers=headers).status_code == 202
    deadline = time.monotonic() + 60
    while service.slot.current.sequence != 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert service.slot.current.sequence == 1


@pytest.mark.integration
def test_a_hint_that_is_not_signed_changes_nothing(
    world: ServingWorld, service: InferenceService, client: TestClient
) -> None:
    world.promote(1)
    headers = signed("another secret", at=int(time.time()))
    answer = client.post("/webhook", content=BODY, headers=headers)
    assert answer.status_code == 401
    assert not service.watcher._hinted.is_set()


@pytest.mark.integration
def test_without_a_secret_there_are_no_webhooks(world: ServingWorld) -> None:
    with TestClient(create_app(world.replica())) as client:
        headers = signed(at=int(time.time()))
        assert client.post("/webhook", content=BODY, headers=headers).status_code == 404
