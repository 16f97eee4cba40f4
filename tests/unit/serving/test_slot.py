import gc
import threading
import weakref
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.domain import NOW
from support.serving import served

from unlearn_core.adapters.memory.records import MemoryClock
from unlearn_core.errors import OffsetRequiredError
from unlearn_core.serving.slot import ServedVersion, Slot

TOMORROW = NOW + timedelta(days=1)
VERSIONS = [served(sequence) for sequence in range(5)]


def new_slot(
    *, requires_offset: bool = False, clock: MemoryClock | None = None
) -> Slot:
    return Slot(
        VERSIONS[0].law,
        requires_offset=requires_offset,
        clock=clock or MemoryClock(NOW),
    )


def leased(slot: Slot) -> int:
    with slot.lease() as version:
        return version.sequence


def test_nothing_is_leased_until_it_is_known_what_must_be_served() -> None:
    slot = new_slot()
    with pytest.raises(OffsetRequiredError, match="not known yet"), slot.lease():
        pass
    assert slot.in_flight == 0


def test_the_base_answers_while_no_offset_was_ever_published() -> None:
    slot = new_slot()
    slot.permit_base()
    assert leased(slot) == 0


@pytest.mark.parametrize("requires_first", [True, False])
def test_the_base_never_answers_once_an_offset_is_required(
    *, requires_first: bool
) -> None:
    slot = new_slot()
    calls = [lambda: slot.require(1, expires_at=TOMORROW), slot.permit_base]
    for call in calls if requires_first else reversed(calls):
        call()
    with pytest.raises(OffsetRequiredError, match="active=0, minimum=1"):
        leased(slot)


def test_a_service_that_always_requires_an_offset_never_permits_the_base() -> None:
    slot = new_slot(requires_offset=True)
    slot.permit_base()
    slot.require(0, expires_at=TOMORROW)
    with pytest.raises(OffsetRequiredError):
        leased(slot)
    slot.swap(VERSIONS[1])
    assert leased(slot) == 1


@given(minimums=st.lists(st.integers(0, 4), min_size=1), active=st.integers(0, 4))
def test_what_answers_is_never_below_the_highest_minimum_seen(
    minimums: list[int], active: int
) -> None:
    slot = new_slot()
    for minimum in minimums:
        slot.require(minimum, expires_at=TOMORROW)
        slot.permit_base()
    slot.swap(VERSIONS[active])
    if active >= max(minimums):
        assert leased(slot) == active
    else:
        with pytest.raises(OffsetRequiredError):
            leased(slot)


def test_nothing_is_leased_after_the_pointer_has_expired() -> None:
    clock = MemoryClock(NOW)
    slot = new_slot(clock=clock)
    slot.require(0, expires_at=TOMORROW)
    slot.swap(VERSIONS[1])
    clock.move(timedelta(days=1))
    assert leased(slot) == 1
    clock.move(timedelta(microseconds=1))
    with pytest.raises(OffsetRequiredError, match="expired"):
        leased(slot)


def test_a_requirement_without_a_time_keeps_the_time_that_was_set() -> None:
    clock = MemoryClock(NOW)
    slot = new_slot(clock=clock)
    slot.require(0, expires_at=TOMORROW)
    slot.require(0)
    clock.move(timedelta(days=2))
    with pytest.raises(OffsetRequiredError, match="expired"):
        leased(slot)


def test_a_request_keeps_its_version_while_newer_ones_get_the_next() -> None:
    slot = new_slot()
    slot.require(1, expires_at=TOMORROW)
    slot.swap(VERSIONS[1])
    with slot.lease() as first:
        slot.swap(VERSIONS[2])
        slot.require(2, expires_at=TOMORROW)
        with slot.lease() as second:
            assert (first.sequence, second.sequence) == (1, 2)
            assert (slot.oldest_in_flight, slot.in_flight) == (1, 2)
        assert (slot.oldest_in_flight, slot.in_flight) == (1, 1)
    assert (slot.oldest_in_flight, slot.in_flight) == (None, 0)


def test_a_request_that_fails_gives_its_version_back() -> None:
    slot = new_slot()
    slot.permit_base()
    with pytest.raises(ZeroDivisionError), slot.lease():
        raise ZeroDivisionError
    assert (slot.oldest_in_flight, slot.in_flight) == (None, 0)


def test_the_weights_of_an_old_version_are_freed_when_its_last_request_ends() -> None:
    slot = new_slot()
    slot.require(1, expires_at=TOMORROW)
    slot.swap(served(1))
    law = weakref.ref(slot.current.law)
    with slot.lease():
        slot.swap(VERSIONS[2])
        gc.collect()
        assert law() is not None
    gc.collect()
    assert law() is None


def test_leases_and_swaps_from_many_threads_keep_count() -> None:
    slot = new_slot()
    slot.require(1, expires_at=TOMORROW)
    slot.swap(VERSIONS[1])
    seen: list[ServedVersion] = []

    def ask() -> None:
        for _ in range(200):
            with slot.lease() as version:
                seen.append(version)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for version in VERSIONS[2:]:
        slot.swap(version)
    for thread in threads:
        thread.join()
    assert Counter(version.sequence for version in seen).total() == 800
    assert (slot.oldest_in_flight, slot.in_flight) == (None, 0)
    assert leased(slot) == 4


# Answers of a version that was replaced or withdrawn.


@pytest.mark.parametrize(
    ("drain_seconds", "is_recalled"), [(None, False), (3600.0, False), (0.0, True)]
)
def test_answers_of_a_replaced_version_drain_as_long_as_they_may(
    drain_seconds: float | None, *, is_recalled: bool
) -> None:
    slot = Slot(
        VERSIONS[0].law,
        requires_offset=False,
        clock=MemoryClock(NOW),
        drain_seconds=drain_seconds,
    )
    first, second = served(1), served(2)
    slot.swap(first)
    slot.swap(second)
    assert first.recalled.is_set() is is_recalled
    assert not second.recalled.is_set()


def test_the_time_to_drain_ends_by_itself() -> None:
    slot = Slot(
        VERSIONS[0].law,
        requires_offset=False,
        clock=MemoryClock(NOW),
        drain_seconds=0.01,
    )
    first = served(1)
    slot.swap(first)
    slot.swap(served(2))
    assert first.recalled.wait(5)


def test_a_recall_reaches_running_answers_of_every_version() -> None:
    slot = new_slot()
    slot.require(1, expires_at=TOMORROW)
    first, second = served(1), served(2)
    slot.swap(first)
    with slot.lease():
        slot.swap(second)
        with slot.lease():
            slot.recall()
    assert first.recalled.is_set()
    assert second.recalled.is_set()
    assert not slot._running


def test_a_replica_that_is_cut_off_leases_nothing_and_ends_what_runs() -> None:
    slot = new_slot()
    slot.require(1, expires_at=TOMORROW)
    slot.swap(VERSIONS[1])
    with slot.lease() as version:
        slot.cut_off(is_cut_off=True)
        assert version.recalled.is_set()
    slot.swap(VERSIONS[2])
    with pytest.raises(OffsetRequiredError, match="cut off"), slot.lease():
        pass
    assert (slot.is_cut_off, slot.in_flight) == (True, 0)
    slot.cut_off(is_cut_off=False)
    assert leased(slot) == 2


def test_a_readmitted_replica_answers_to_the_end_with_the_version_that_it_had() -> None:
    slot = new_slot()
    slot.require(1, expires_at=TOMORROW)
    slot.swap(replace(VERSIONS[1], recalled=threading.Event()))
    with slot.lease() as before:
        slot.cut_off(is_cut_off=True)
        slot.cut_off(is_cut_off=False)
        with slot.lease() as after:
            assert not after.recalled.is_set()
        assert before.recalled.is_set()
    assert after == before
    assert (slot.in_flight, slot.oldest_in_flight) == (0, None)
