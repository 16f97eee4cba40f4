"""What every request store, ledger and lease store promises."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.databases import KINDS, migrated
from support.domain import request as erasure_request
from support.domain import request_id

from unlearn_core import ports
from unlearn_core.adapters.clock import SystemClock
from unlearn_core.adapters.database.lease_store import DatabaseLeaseStore
from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.memory.records import (
    MemoryClock,
    MemoryLeaseStore,
    MemoryRequestStore,
)
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.ledger import verify_chain
from unlearn_core.domain.requests import Outcome, Stage
from unlearn_core.errors import (
    IllegalTransitionError,
    LeaseBusyError,
    LeaseLostError,
    UnknownRequestError,
)

TTL = timedelta(seconds=30)
RESOURCE = str(request_id())


@dataclass(frozen=True)
class Records:
    """The stores of one installation and the clock that they share."""

    clock: MemoryClock
    requests: ports.RequestStore
    ledger: ports.Ledger
    leases: ports.LeaseStore


@pytest.fixture(params=["memory", *KINDS])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Records]:
    """Return empty stores of each kind."""
    clock = MemoryClock()
    if request.param == "memory":
        leases = MemoryLeaseStore(clock=clock)
        store = MemoryRequestStore(leases=leases, clock=clock)
        yield Records(clock=clock, requests=store, ledger=store, leases=leases)
        return
    with migrated(request.param, tmp_path) as database:
        stored = DatabaseRequestStore(database, clock=clock)
        yield Records(
            clock=clock,
            requests=stored,
            ledger=stored,
            leases=DatabaseLeaseStore(database, clock=clock),
        )


def twins(records: Records) -> tuple[Lease, Lease]:
    """Return the lease of a worker that was declared dead and of its successor."""
    old = records.leases.acquire(RESOURCE, holder="hung", ttl=TTL)
    records.clock.move(TTL)
    return old, records.leases.acquire(RESOURCE, holder="alive", ttl=TTL)


@pytest.mark.parametrize("clock", [SystemClock(), MemoryClock()])
def test_a_clock_tells_the_time_in_utc(clock: ports.Clock) -> None:
    assert clock.now().tzinfo is UTC


def test_a_received_request_comes_back_as_it_was(records: Records) -> None:
    received = erasure_request(commitments=("k1:aa", "k1:bb"))
    records.requests.receive(received, {"identifiers": 2})
    assert records.requests.get(received.request_id) == received


def test_commitments_come_back_sorted(records: Records) -> None:
    records.requests.receive(erasure_request(commitments=("k1:bb", "k1:aa")), {})
    assert records.requests.get(request_id()).commitments == ("k1:aa", "k1:bb")


def test_receiving_writes_the_first_entry_outside_a_lease(records: Records) -> None:
    records.requests.receive(erasure_request(), {"identifiers": 2})
    (entry,) = records.ledger.entries(request_id())
    assert (entry.sequence, entry.event, entry.payload, entry.fencing_token) == (
        1,
        "received",
        {"identifiers": 2},
        0,
    )


def test_a_request_cannot_begin_at_a_later_stage(records: Records) -> None:
    with pytest.raises(IllegalTransitionError):
        records.requests.receive(erasure_request(stage=Stage.LOCATED), {})
    assert records.requests.all() == ()
    assert list(records.ledger.entries()) == []


def test_an_unknown_request_is_refused(records: Records) -> None:
    with pytest.raises(UnknownRequestError):
        records.requests.get(request_id(404))


def test_requests_are_listed_oldest_first(records: Records) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number, hours in ((1, 2), (2, 0), (3, 1)):
        at = start + timedelta(hours=hours)
        records.requests.receive(erasure_request(number, received_at=at), {})
    assert [item.request_id.int for item in records.requests.all()] == [2, 3, 1]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (("k1:a",), [1]),
        (("k1:b",), [1, 2]),
        (("k1:a", "k1:c"), [1, 2]),
        (("k1:z",), []),
        ((), []),
    ],
)
def test_requests_are_found_by_a_shared_commitment(
    records: Records, wanted: tuple[str, ...], found: list[int]
) -> None:
    records.requests.receive(erasure_request(1, commitments=("k1:a", "k1:b")), {})
    records.requests.receive(erasure_request(2, commitments=("k1:b", "k1:c")), {})
    shared = records.requests.with_commitments(wanted)
    assert [item.request_id.int for item in shared] == found


def test_advancing_moves_the_request_and_writes_one_entry(records: Records) -> None:
    records.requests.receive(erasure_request(), {})
    lease = records.leases.acquire(RESOURCE, holder="worker", ttl=TTL)
    entry = records.ledger.advance(
        request_id(), Stage.ACKNOWLEDGED, {"rule": "gdpr-12-3"}, lease=lease
    )
    assert records.requests.get(request_id()).stage is Stage.ACKNOWLEDGED
    assert list(records.ledger.entries(request_id()))[1:] == [entry]
    assert (entry.event, entry.fencing_token) == ("acknowledged", 1)


def test_an_outcome_is_kept_until_the_end(records: Records) -> None:
    records.requests.receive(erasure_request(), {})
    lease = records.leases.acquire(RESOURCE, holder="worker", ttl=TTL)
    steps: tuple[tuple[Stage, Outcome | None], ...] = (
        (Stage.ACKNOWLEDGED, None),
        (Stage.REFUSED, Outcome.REFUSED),
        (Stage.PURGED, None),
    )
    for stage, outcome in steps:
        records.ledger.advance(request_id(), stage, {}, lease=lease, outcome=outcome)
    assert records.requests.get(request_id()).outcome is Outcome.REFUSED


def test_an_illegal_stage_changes_nothing(records: Records) -> None:
    records.requests.receive(erasure_request(), {})
    lease = records.leases.acquire(RESOURCE, holder="worker", ttl=TTL)
    with pytest.raises(IllegalTransitionError):
        records.ledger.advance(request_id(), Stage.PROMOTED, {}, lease=lease)
    assert records.requests.get(request_id()).stage is Stage.RECEIVED
    assert len(list(records.ledger.entries())) == 1


def test_a_request_that_does_not_exist_cannot_advance(records: Records) -> None:
    lease = records.leases.acquire(RESOURCE, holder="worker", ttl=TTL)
    with pytest.raises(UnknownRequestError):
        records.ledger.advance(request_id(9), Stage.ACKNOWLEDGED, {}, lease=lease)


def test_a_payload_that_is_not_json_leaves_no_trace(records: Records) -> None:
    records.requests.receive(erasure_request(), {})
    lease = records.leases.acquire(RESOURCE, holder="worker", ttl=TTL)
    with pytest.raises(ValueError, match="JSON"):
        records.ledger.advance(
            request_id(), Stage.ACKNOWLEDGED, {"loss": float("nan")}, lease=lease
        )
    assert records.requests.get(request_id()).stage is Stage.RECEIVED
    assert len(list(records.ledger.entries())) == 1


def test_notes_of_requests_and_of_the_house_share_one_chain(records: Records) -> None:
    records.requests.receive(erasure_request(1), {})
    records.requests.receive(erasure_request(2), {})
    records.ledger.note("keys_rotated", {"count": 3, "names": ["k1", "k2"]})
    records.ledger.note("source_searched", {"found": 1}, request_id=request_id(2))
    assert verify_chain(records.ledger.entries()) == 4
    events = [entry.event for entry in records.ledger.entries(request_id(2))]
    assert events == ["received", "source_searched"]
    everything = list(records.ledger.entries())
    assert everything[2].request_id is None
    assert everything[2].payload == {"count": 3, "names": ["k1", "k2"]}


def test_an_entry_keeps_its_moment_to_the_microsecond(records: Records) -> None:
    records.clock.move(timedelta(microseconds=1))
    written = records.ledger.note("clock_checked", {})
    (read,) = records.ledger.entries()
    assert read == written
    assert read.recorded_at == datetime(2026, 3, 2, 9, 0, 0, 1, tzinfo=UTC)


def test_entries_of_one_kind_are_found(records: Records) -> None:
    for number in (1, 2):
        records.requests.receive(erasure_request(number), {})
        records.ledger.note("looked", {"n": number}, request_id=request_id(number))
    looked = list(records.ledger.entries(event="looked"))
    assert [entry.payload["n"] for entry in looked] == [1, 2]
    (received,) = records.ledger.entries(request_id(2), event=Stage.RECEIVED)
    assert received.request_id == request_id(2)
    assert list(records.ledger.entries(request_id(3), event="looked")) == []


def test_entries_written_at_the_same_time_form_one_chain(records: Records) -> None:
    def write(writer: int) -> None:
        for number in range(10):
            records.ledger.note("written", {"writer": writer, "number": number})

    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(write, (1, 2)))
    assert verify_chain(records.ledger.entries()) == 20
    for writer in (1, 2):
        numbers = [
            entry.payload["number"]
            for entry in records.ledger.entries()
            if entry.payload["writer"] == writer
        ]
        assert numbers == list(range(10))


def test_only_one_of_two_workers_gets_a_free_lease(records: Records) -> None:
    def acquire(holder: str) -> bool:
        try:
            records.leases.acquire(RESOURCE, holder=holder, ttl=TTL)
        except LeaseBusyError:
            return False
        return True

    with ThreadPoolExecutor(max_workers=2) as pool:
        assert sorted(pool.map(acquire, ("one", "two"))) == [False, True]


def test_a_lease_says_who_holds_it_and_until_when(records: Records) -> None:
    lease = records.leases.acquire(RESOURCE, holder="worker", ttl=TTL)
    assert lease == Lease(
        resource=RESOURCE,
        holder="worker",
        token=1,
        expires_at=datetime(2026, 3, 2, 9, 0, 30, tzinfo=UTC),
    )


def test_a_held_lease_is_busy_even_for_its_own_holder(records: Records) -> None:
    records.leases.acquire(RESOURCE, holder="worker", ttl=TTL)
    assert not records.leases.is_free(RESOURCE)
    with pytest.raises(LeaseBusyError):
        records.leases.acquire(RESOURCE, holder="worker", ttl=TTL)


def test_a_lease_expires_at_its_moment_and_not_before(records: Records) -> None:
    records.leases.acquire(RESOURCE, holder="worker", ttl=TTL)
    records.clock.move(TTL - timedelta(microseconds=1))
    assert not records.leases.is_free(RESOURCE)
    records.clock.move(timedelta(microseconds=1))
    assert records.leases.is_free(RESOURCE)


def test_tokens_grow_whether_a_lease_expires_or_is_given_back(
    records: Records,
) -> None:
    first = records.leases.acquire(RESOURCE, holder="one", ttl=TTL)
    records.leases.release(first)
    second = records.leases.acquire(RESOURCE, holder="two", ttl=TTL)
    records.clock.move(TTL)
    third = records.leases.acquire(RESOURCE, holder="three", ttl=TTL)
    assert (first.token, second.token, third.token) == (1, 2, 3)


def test_leases_of_different_resources_are_independent(records: Records) -> None:
    records.leases.acquire("base:small-world", holder="one", ttl=TTL)
    assert records.leases.acquire(RESOURCE, holder="two", ttl=TTL).token == 1
    assert records.leases.is_free("base:other")


def test_a_renewed_lease_keeps_its_token_and_lasts_longer(records: Records) -> None:
    lease = records.leases.acquire(RESOURCE, holder="worker", ttl=TTL)
    records.clock.move(timedelta(seconds=20))
    renewed = records.leases.renew(lease, ttl=TTL)
    assert renewed == replace(
        lease, expires_at=lease.expires_at + timedelta(seconds=20)
    )
    records.clock.move(timedelta(seconds=20))
    assert not records.leases.is_free(RESOURCE)


def test_an_expired_lease_that_nobody_took_can_be_renewed(records: Records) -> None:
    lease = records.leases.acquire(RESOURCE, holder="worker", ttl=TTL)
    records.clock.move(2 * TTL)
    records.leases.check(lease)
    assert records.leases.renew(lease, ttl=TTL).token == lease.token
    assert not records.leases.is_free(RESOURCE)


@pytest.mark.parametrize("act", ["renew", "check", "advance", "note"])
def test_a_twin_with_an_older_token_causes_no_side_effect(
    records: Records, act: str
) -> None:
    records.requests.receive(erasure_request(), {})
    old, _ = twins(records)
    acts: dict[str, Callable[[], object]] = {
        "renew": lambda: records.leases.renew(old, ttl=TTL),
        "check": lambda: records.leases.check(old),
        "advance": lambda: records.ledger.advance(
            request_id(), Stage.ACKNOWLEDGED, {}, lease=old
        ),
        "note": lambda: records.ledger.note("tried", {}, lease=old),
    }
    with pytest.raises(LeaseLostError):
        acts[act]()
    assert records.requests.get(request_id()).stage is Stage.RECEIVED
    assert [entry.event for entry in records.ledger.entries()] == ["received"]


def test_a_twin_cannot_give_its_successors_lease_back(records: Records) -> None:
    old, new = twins(records)
    records.leases.release(old)
    assert not records.leases.is_free(RESOURCE)
    records.leases.check(new)


def test_a_lease_given_back_is_free_and_no_longer_valid(records: Records) -> None:
    lease = records.leases.acquire(RESOURCE, holder="worker", ttl=TTL)
    records.leases.release(lease)
    assert records.leases.is_free(RESOURCE)
    with pytest.raises(LeaseLostError):
        records.leases.check(lease)
    with pytest.raises(LeaseLostError):
        records.leases.renew(lease, ttl=TTL)


def test_a_lease_that_was_never_handed_out_is_lost(records: Records) -> None:
    invented = Lease(
        resource=RESOURCE, holder="intruder", token=7, expires_at=records.clock.now()
    )
    with pytest.raises(LeaseLostError):
        records.leases.check(invented)
    records.leases.release(invented)
    assert records.leases.is_free(RESOURCE)
