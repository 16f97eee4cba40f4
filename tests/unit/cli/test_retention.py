from datetime import timedelta
from pathlib import Path

import pytest
from support.cli import unlearn
from support.domain import request as erasure_request

from unlearn_core.cli.wiring import office
from unlearn_core.domain.requests import Outcome, Stage
from unlearn_core.steps import scopes

pytestmark = pytest.mark.integration


def test_the_table_names_every_kind_and_outcome(home: Path) -> None:
    del home
    rows = unlearn("retention", "show", "--json").json()
    assert len(rows) == 104
    (found,) = [
        row
        for row in rows
        if (row["kind"], row["outcome"]) == ("commitments", "suppressed_at_output")
    ]
    assert (found["days"], found["while_served"]) == (3650, True)
    assert "11 CCR 7022" in found["reason"]


def test_a_dry_run_tells_and_a_run_deletes(home: Path) -> None:
    del home
    opened, request = office(), erasure_request()
    opened.store.receive(request, {})
    lease = opened.leases.acquire("r", holder="h", ttl=timedelta(hours=1))
    outcome = Outcome.WITHDRAWN
    for stage in (Stage.WITHDRAWN, Stage.PURGED, Stage.NOTIFIED):
        opened.store.advance(
            request.request_id,
            stage,
            {"outcome": outcome.value},
            lease=lease,
            outcome=outcome,
        )
    scope = scopes.working(request.request_id)
    opened.custody.open_scope(scope)
    for _ in range(2):
        ran = unlearn("retention", "run", "--json")
        assert [row["kinds"] for row in ran.json()] == ["working_data 1"]
        assert ran.err == "would be deleted: data of 1 requests\n"
    assert opened.custody.holds(scope)
    ran = unlearn("retention", "run", "--delete", "--json")
    assert ran.err.splitlines()[-1] == "deleted: data of 1 requests"
    assert not office().custody.holds(scope)
    assert unlearn("retention", "run", "--json").json() == []
