"""What only a database shows; the rest is in the contract tests."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.databases import open_sqlite, postgres_schema
from support.domain import request as erasure_request
from support.domain import request_id

from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.database.key_store import DatabaseKeyStore
from unlearn_core.adapters.database.lease_store import DatabaseLeaseStore, check_token
from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.memory.records import MemoryClock
from unlearn_core.domain.requests import Stage
from unlearn_core.errors import (
    DatabaseUnavailableError,
    LeaseBusyError,
    LeaseLostError,
)

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
        with database.writing() as session:
            check_token(session, lease)
        leases.release(lease)
        with (
            database.writing() as session,
            pytest.raises(LeaseLostError) as raised,
        ):
            check_token(session, lease)
    assert raised.value.facts == {"resource": RESOURCE, "token": 1}


@pytest.fixture
def patient() -> Iterator[Database]:
    """Return PostgreSQL that would rather fail than wait long for a lock."""
    with postgres_schema() as url:
        opened = sa.make_url(url)
        options = f"{opened.query['options']} -clock_timeout=5000"
        address = opened.update_query_dict({"options": options})
        with closing(
            Database(address.render_as_string(hide_password=False))
        ) as database:
            database.upgrade()
            yield database


@pytest.mark.integration
def test_a_lease_and_a_key_wait_for_no_entry_of_the_ledger(patient: Database) -> None:
    clock = MemoryClock()
    leases = DatabaseLeaseStore(patient, clock=clock)
    keys = DatabaseKeyStore(patient, clock=clock)
    with patient.writing():
        lease = leases.renew(leases.acquire("one", holder="h", ttl=TTL), ttl=TTL)
        leases.release(lease)
        keys.add("scope", b"wrapped")
        assert keys.destroy("scope") is not None


@pytest.mark.integration
def test_nobody_takes_a_lease_over_while_an_entry_is_written_under_it(
    patient: Database,
) -> None:
    clock = MemoryClock()
    leases = DatabaseLeaseStore(patient, clock=clock)
    old = leases.acquire(RESOURCE, holder="one", ttl=TTL)
    clock.move(TTL)
    with patient.writing() as session:
        check_token(session, old)
        with pytest.raises(DatabaseUnavailableError):
            leases.acquire(RESOURCE, holder="two", ttl=TTL)
    assert leases.acquire(RESOURCE, holder="two", ttl=TTL).token == 2


@pytest.mark.integration
def test_of_many_first_takers_one_gets_the_lease(patient: Database) -> None:
    leases = DatabaseLeaseStore(patient, clock=MemoryClock())

    def take(number: int) -> bool:
        try:
            leases.acquire(RESOURCE, holder=str(number), ttl=TTL)
        except LeaseBusyError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(8))) == 1
