from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from support import domain
from support.cli import close_office, unlearn
from support.domain import record

from unlearn_core.cli import wiring
from unlearn_core.domain.requests import Stage
from unlearn_core.domain.sources import records_to_bytes
from unlearn_core.privacy import Personal

pytestmark = pytest.mark.integration


@pytest.fixture
def key(home: Path, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """Return a request with two uncertain records, and an officer to decide."""
    del home
    monkeypatch.setenv("UNLEARN_LEGAL__OFFICERS", '["anna"]')
    office = wiring.office()
    request = domain.request()
    office.store.receive(request, {})
    scope = str(request.request_id)
    office.custody.open_scope(scope)
    listed = [
        replace(
            record(name),
            why=("name as_written in text",),
            texts={"text": Personal("We met Ada Example.")},
        )
        for name in ("r-1", "r-2")
    ]
    data = records_to_bytes(listed)
    office.custody.put(scope, "review-list", data)
    list_name = office.custody.commit(scope, data)
    lease = office.leases.acquire(scope, holder="test", ttl=timedelta(minutes=1))
    for stage in (Stage.ACKNOWLEDGED, Stage.IDENTITY_VERIFIED, Stage.UNDER_REVIEW):
        payload = {"review_list": list_name} if stage is Stage.UNDER_REVIEW else {}
        office.store.advance(request.request_id, stage, payload, lease=lease)
    office.leases.release(lease)
    close_office()
    return request.request_id


def test_the_list_shows_why_and_texts_only_if_asked(key: UUID) -> None:
    ran = unlearn("review", "list", str(key), "--json")
    assert ran.json() == [
        {
            "number": number,
            "source": "customers",
            "record": f"r-{number}",
            "why": "name as_written in text",
            "decided": None,
        }
        for number in (1, 2)
    ]
    shown = unlearn("review", "list", str(key), "--texts", "--json").json()
    assert shown[0]["texts"] == {"text": "We met Ada Example."}


def test_the_last_decision_lets_the_request_go_on(key: UUID) -> None:
    command = ("review", "decide", str(key))
    options = ("--ruling", "keep", "--reason", "namesake", "--by", "anna", "--json")
    first = unlearn(*command, "1", *options).json()
    assert (first["undecided"], first["stage"]) == (1, "under_review")
    assert unlearn("review", "list", str(key), "--json").json()[0]["decided"] == (
        "namesake"
    )
    second = unlearn(*command, "2", *options).json()
    assert (second["undecided"], second["stage"]) == (0, "reviewed")
    done = unlearn(*command, "2", *options)
    assert (done.code, done.err.split(":")[0]) == (1, "illegal_transition")


def test_the_reasoning_of_an_exemption_is_read_from_outside_the_command(
    key: UUID,
) -> None:
    command = ("review", "decide", str(key), "1", "--ruling", "keep")
    options = ("--reason", "legal_claims", "--by", "anna", "--json")
    without = unlearn(*command, *options)
    assert (without.code, without.err.split(":")[0]) == (1, "review_refused")
    said = unlearn(*command, *options, "--reasoning", "-", stdin=b"She sues us.\n")
    assert said.json()["undecided"] == 1
    assert unlearn("review", "reasoning", str(key), "--json").json() == [
        {"number": 1, "reasoning": "She sues us."}
    ]


@pytest.mark.parametrize(
    ("number", "ruling", "reason", "by", "code"),
    [
        ("3", "keep", "namesake", "anna", 1),
        ("1", "erase", "namesake", "anna", 1),
        ("1", "keep", "namesake", "mallory", 1),
        ("1", "keep", "because", "anna", 2),
        ("one", "keep", "namesake", "anna", 2),
    ],
)
def test_a_decision_that_means_nothing_is_refused(
    key: UUID, number: str, ruling: str, reason: str, by: str, code: int
) -> None:
    ran = unlearn(
        *("review", "decide", str(key), number, "--ruling", ruling),
        *("--reason", reason, "--by", by),
    )
    assert ran.code == code
    assert code == 2 or ran.err.startswith("review_refused")
