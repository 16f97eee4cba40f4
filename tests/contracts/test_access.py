"""What every store of keys and sessions promises."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from support.access import access_key
from support.databases import KINDS, migrated
from support.domain import NOW

from unlearn_core import ports
from unlearn_core.adapters.database.access_store import DatabaseAccessStore
from unlearn_core.adapters.memory.access import MemoryAccessStore
from unlearn_core.domain.access import Caller, Role, Session

CALLER = Caller(
    who="key:00000001", name="Olga", roles=frozenset({Role.APPROVER, Role.AUDITOR})
)
MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["memory", *KINDS])
def store(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[ports.AccessStore]:
    """Return an empty store of each kind."""
    if request.param == "memory":
        yield MemoryAccessStore()
        return
    with migrated(request.param, tmp_path) as database:
        yield DatabaseAccessStore(database)


def session(digest: str = "d", *, key_id: str | None = "00000001") -> Session:
    return Session(
        digest=digest, caller=CALLER, started_at=NOW, seen_at=NOW, key_id=key_id
    )


def test_a_key_is_kept_as_it_is_and_found_by_its_id(store: ports.AccessStore) -> None:
    assert store.key("00000001") is None
    assert store.all_keys() == ()
    _, first = access_key(Role.OPERATOR, Role.AUDITOR)
    _, second = access_key(
        Role.ADMIN, key_id="00000000", created_at=NOW + MINUTE, name="Ärger & Co"
    )
    store.add_key(second)
    store.add_key(first)
    assert store.key("00000001") == first
    assert store.all_keys() == (first, second)


def test_a_revoked_key_stays_revoked_since_then_and_ends_its_sessions(
    store: ports.AccessStore,
) -> None:
    _, key = access_key(Role.OPERATOR)
    store.add_key(key)
    store.start_session(session("of the key"))
    store.start_session(session("of another", key_id="00000002"))
    store.start_session(session("of no key", key_id=None))
    store.revoke_key(key.key_id, at=NOW + MINUTE)
    store.revoke_key(key.key_id, at=NOW + 2 * MINUTE)
    store.revoke_key("unknown", at=NOW)
    (kept,) = store.all_keys()
    assert kept.revoked_at == NOW + MINUTE
    assert store.session("of the key") is None
    assert store.session("of another") is not None
    assert store.session("of no key") is not None


def test_a_session_is_kept_as_it_is_until_it_is_ended(
    store: ports.AccessStore,
) -> None:
    assert store.session("d") is None
    store.start_session(session())
    store.start_session(session("e", key_id=None))
    assert store.session("d") == session()
    assert store.session("e") == session("e", key_id=None)
    store.end_session("d")
    store.end_session("d")
    assert store.session("d") is None
    assert store.session("e") is not None


def test_the_use_of_a_session_is_noted(store: ports.AccessStore) -> None:
    store.start_session(session())
    store.touch_session("d", at=NOW + MINUTE)
    store.touch_session("unknown", at=NOW + MINUTE)
    found = store.session("d")
    assert found is not None
    assert (found.started_at, found.seen_at) == (NOW, NOW + MINUTE)
    assert store.session("unknown") is None


@pytest.mark.parametrize(
    ("minutes", "left"), [(29, {"idle", "used"}), (30, {"used"}), (720, set())]
)
def test_only_sessions_that_are_over_are_forgotten(
    store: ports.AccessStore, minutes: int, left: set[str]
) -> None:
    now = NOW + minutes * MINUTE
    for digest in ("idle", "used"):
        store.start_session(session(digest))
    store.touch_session("used", at=now)
    store.forget_sessions(now=now)
    assert {name for name in ("idle", "used") if store.session(name)} == left
