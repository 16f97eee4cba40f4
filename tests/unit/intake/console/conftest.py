"""A console that a browser is signed in to."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from support.access import give_key
from support.browser import Browser, SignIn
from support.intake import IntakeWorld

from unlearn_core.domain.access import Role
from unlearn_core.intake.app import create_app


@pytest.fixture
def world() -> IntakeWorld:
    return IntakeWorld.with_issuer()


@pytest.fixture
def client(world: IntakeWorld) -> Iterator[TestClient]:
    service = replace(world.service(), console=world.console())
    with TestClient(
        create_app(service), base_url="https://testserver", follow_redirects=False
    ) as client:
        yield client


@pytest.fixture
def sign_in(world: IntakeWorld, client: TestClient) -> SignIn:
    """Return what signs somebody in with a key of one role."""

    def signed_in(role: Role, name: str = "Olga Officer") -> Browser:
        token = world.doors().sign_in_with_key(give_key(world.access, role, name=name))
        return Browser(client, token)

    return signed_in
