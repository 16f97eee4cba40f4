from datetime import date, timedelta

import pytest
from support.domain import request_id
from support.log import NOTES, OPENERS, Register, memory_register, note

from unlearn_core.adapters.memory.transparency import MemoryKeeper
from unlearn_core.domain.audit_bundle import DOCUMENT, check_bundle
from unlearn_core.domain.checkpoints import LogForkedError
from unlearn_core.errors import StorageError, UnknownRequestError
from unlearn_core.steps.export_bundle import Period, export_bundle
from unlearn_core.steps.publish_checkpoint import checkpoint_name, publish_checkpoint

MARCH = Period(first=date(2026, 3, 1), last=date(2026, 3, 31))


@pytest.fixture
def register() -> Register:
    """Return three answered requests on three days, a checkpoint after each."""
    register = memory_register(MemoryKeeper())
    for number in (1, 2, 3):
        register.answer(number)
        publish_checkpoint(register.checkpoints())
        register.move(timedelta(days=1))
    return register


def test_the_bundle_of_a_request_proves_its_whole_life(register: Register) -> None:
    files = export_bundle(request_id(2), desk=register.export())
    bundle, latest = check_bundle(files, openers=OPENERS)
    assert [item.entry.event for item in bundle.entries] == [
        "received",
        "acknowledged",
        "identity_verified",
        "not_found",
        "purged",
        "certified",
        "notified",
    ]
    assert {item.entry.request_id for item in bundle.entries} == {request_id(2)}
    assert latest.size == 23
    assert sorted(files) == [
        DOCUMENT,
        f"certificates/{request_id(2)}.json",
        f"letters/{request_id(2)}.de.html",
        f"letters/{request_id(2)}.de.pdf",
        f"letters/{request_id(2)}.en.html",
        f"letters/{request_id(2)}.en.pdf",
    ]


def test_it_is_framed_by_the_checkpoints_before_and_after(register: Register) -> None:
    files = export_bundle(request_id(2), desk=register.export())
    bundle, _ = check_bundle(files, openers=OPENERS)
    assert [NOTES.open(item.note).size for item in bundle.earlier] == [7, 15]


def test_the_bundle_of_a_period_holds_its_entries_and_the_ones_next_to_it(
    register: Register,
) -> None:
    one_day = Period(first=date(2026, 3, 3), last=date(2026, 3, 3))
    for period, first, last in ((MARCH, 1, 23), (one_day, 8, 17)):
        files = export_bundle(period, desk=register.export())
        bundle, _ = check_bundle(files, openers=OPENERS)
        sequences = [item.entry.sequence for item in bundle.entries]
        assert sequences == list(range(first, last + 1))
        assert bundle.period == (period.first.isoformat(), period.last.isoformat())


def test_a_report_that_the_ledger_names_goes_along(register: Register) -> None:
    name = f"reports/{'a' * 64}.json"
    register.evidence.put(name, b"{}")
    register.ledger.note("unlearning_verified", {"report": "sha256:" + "a" * 64})
    publish_checkpoint(register.checkpoints())
    assert name in export_bundle(MARCH, desk=register.export())


def test_a_checkpoint_of_the_auditors_is_tied_to_the_bundle(register: Register) -> None:
    kept = register.evidence.get(checkpoint_name(7))
    assert kept is not None
    files = export_bundle(request_id(3), desk=register.export(), brought=[kept])
    bundle, _ = check_bundle(files, openers=OPENERS)
    assert [NOTES.open(item.note).size for item in bundle.earlier] == [15, 23, 7]


def test_one_that_is_larger_than_the_log_cannot_be(register: Register) -> None:
    with pytest.raises(LogForkedError, match="problem=shorter"):
        export_bundle(request_id(3), desk=register.export(), brought=[note(30)])


def test_without_a_checkpoint_nothing_is_proved() -> None:
    register = memory_register()
    register.answer(1)
    with pytest.raises(StorageError, match="missing=checkpoint"):
        export_bundle(request_id(1), desk=register.export())


def test_a_request_that_nobody_knows_is_refused(register: Register) -> None:
    with pytest.raises(UnknownRequestError):
        export_bundle(request_id(9), desk=register.export())
    with pytest.raises(UnknownRequestError):
        export_bundle(
            Period(first=date(2020, 1, 1), last=date(2020, 1, 2)),
            desk=register.export(),
        )


def test_a_certificate_that_is_gone_is_reported(register: Register) -> None:
    del register.evidence.documents[f"certificates/{request_id(1)}.json"]
    with pytest.raises(StorageError, match="missing=certificate"):
        export_bundle(request_id(1), desk=register.export())
