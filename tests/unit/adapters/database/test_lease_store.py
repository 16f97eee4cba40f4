"""What only a database shows; the rest is in the contract tests."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from support.databases import open_sqlite
from support.domain import request as erasure_request
from support.domain import request_id

from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.database.lease_store import DatabaseLeaseStore, check_token
from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.memory.records import MemoryClock
from unlearn_core.domain.requests import Stage
from unlearn_core.errors import LeaseLostError

TTL = timedelta(seconds=30)
RESOURCE = str(request_id())


def test_a_twin_in_another_process_is_refused_by_every_side_effect(
    tmp_path: Path,
) -> None:
    """Two engines on one file share nothing but the file."""
    clock = MemoryClock()
    with (
        closing(open_sqlite(tmp_path)) as first,
        closing(Database(f"sqlite:///{tmp_path}/unlearn.db")) as second,
    ):
        hung = DatabaseLeaseStore(first, clock=clock)
        alive = DatabaseLeaseStore(second, clock=clock)
        ledger = DatabaseRequestStore(first, clock=clock)
        ledger.receive(erasure_request(), {})
        old = hung.acquire(RESOURCE, holder="hung", ttl=TTL)
        clock.move(TTL)
        new = alive.acquire(RESOURCE, holder="alive", ttl=TTL)
        assert new.token == old.token + 1
        for act in (
            lambda: hung.check(old),
            lambda: hung.renew(old, ttl=TTL),
            lambda: ledger.note("tried", {}, lease=old),
            lambda: ledger.advance(request_id(), Stage.ACKNOWLEDGED, {}, lease=old),
        ):
            with pytest.raises(LeaseLostError):
                act()
        hung.release(old)
        alive.check(new)
        assert len(list(ledger.entries())) == 1


def test_tokens_survive_a_restart(tmp_path: Path) -> None:
    clock = MemoryClock()
    with closing(open_sqlite(tmp_path)) as database:
        lease = DatabaseLeaseStore(database, clock=clock).acquire(
            RESOURCE, holder="one", ttl=TTL
        )
    clock.move(TTL)
    with closing(Database(f"sqlite:///{tmp_path}/unlearn.db")) as database:
        again = DatabaseLeaseStore(database, clock=clock).acquire(
            RESOURCE, holder="one", ttl=TTL
        )
    assert (lease.token, again.token) == (1, 2)


def test_the_error_names_the_resource_and_the_token(tmp_path: Path) -> None:
    with closing(open_sqlite(tmp_path)) as database:
        leases = DatabaseLeaseStore(database, clock=MemoryClock())
        lease = leases.acquire(RESOURCE, holder="one", ttl=TTL)
        with database.reading() as session:
            assert check_token(session, lease).token == 1
        leases.release(lease)
        with (
            database.reading() as session,
            pytest.raises(LeaseLostError) as raised,
        ):
            check_token(session, lease)
    assert raised.value.facts == {"resource": RESOURCE, "token": 1}
