import json
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from support.cli import close_office, unlearn
from support.replicas import silent_address

from unlearn_core.cli import wiring
from unlearn_core.domain.requests import RequestId, Stage

pytestmark = pytest.mark.integration

DOCUMENT = {"identifiers": {"name": "Ada Example", "email": "ada@fins.example"}}


@pytest.fixture
def key(home: Path, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """Submit a request whose subject was verified; the registry is away."""
    del home
    monkeypatch.setenv("UNLEARN_LEGAL__OFFICERS", '["anna", "bela"]')
    monkeypatch.setenv("UNLEARN_MLFLOW_URI", silent_address())
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    ran = unlearn("request", "submit", "--json", stdin=json.dumps(DOCUMENT).encode())
    key = RequestId(UUID(ran.json()["request_id"]))
    office = wiring.office()
    lease = office.leases.acquire(str(key), holder="w", ttl=timedelta(minutes=1))
    for stage in (Stage.ACKNOWLEDGED, Stage.IDENTITY_VERIFIED):
        office.store.advance(key, stage, {}, lease=lease)
    office.leases.release(lease)
    close_office()
    return key


def test_one_officer_restricts_two_lift_and_replicas_are_told_later(key: UUID) -> None:
    restrict = ("request", "restrict", str(key), "--reason", "objection", "--json")
    done = unlearn(*restrict, "--by", "anna").json()
    assert (done["restriction"], done["in_force_at"]) == ("restricted", None)
    assert done["replicas"] == "replicas are told later (registry_unavailable)"
    assert done["since"]
    again = unlearn(*restrict, "--by", "anna")
    assert (again.code, again.err.split(":")[0]) == (1, "restriction_refused")
    lift = ("request", "lift", str(key), "--reason", "subject_asks", "--json")
    assert unlearn(*lift, "--by", "anna").json()["restriction"] == "proposed"
    assert unlearn(*lift, "--by", "anna").code == 1
    ended = unlearn(*lift, "--by", "bela").json()
    assert (ended["restriction"], ended["since"]) == ("lifted", None)


def test_a_reason_that_only_time_gives_is_none_of_an_officer(key: UUID) -> None:
    ran = unlearn(
        "request", "lift", str(key), "--reason", "erasure_effective", "--by", "anna"
    )
    assert ran.code == 2
