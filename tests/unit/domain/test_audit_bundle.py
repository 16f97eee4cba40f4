"""Every numbered check is broken alone, and that number is the answer."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.domain import request_id
from support.log import OPENERS, ORIGIN, SIGNER, STRANGER, TRUSTED, memory_register

from unlearn_core.adapters.envelopes import EnvelopeSigner
from unlearn_core.adapters.memory.transparency import MemoryKeeper
from unlearn_core.adapters.notes import Ed25519NoteSigner
from unlearn_core.domain.audit_bundle import (
    BUNDLE_TYPE,
    DOCUMENT,
    BundleInvalidError,
    check_bundle,
)
from unlearn_core.domain.canonical import canonical_json, digest_of
from unlearn_core.domain.checkpoints import read_note
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.steps.export_bundle import Period, export_bundle
from unlearn_core.steps.publish_checkpoint import publish_checkpoint

Files = dict[str, bytes]
Change = Callable[[dict[str, Any]], object]
CERTIFICATE = f"certificates/{request_id(2)}.json"


def exported() -> tuple[Files, Files, Files]:
    """Return the bundle of a request, that of a month and that of its second day."""
    register = memory_register(MemoryKeeper())
    for number in (1, 2, 3):
        register.answer(number)
        publish_checkpoint(register.checkpoints())
        register.move(timedelta(days=1))
    month = Period(first=date(2026, 3, 1), last=date(2026, 3, 31))
    day = Period(first=date(2026, 3, 3), last=date(2026, 3, 3))
    return (
        export_bundle(request_id(2), desk=register.export()),
        export_bundle(month, desk=register.export()),
        export_bundle(day, desk=register.export()),
    )


REQUEST, MONTH, DAY = exported()


def document(files: Files) -> dict[str, Any]:
    """Return the document of a bundle."""
    opened: dict[str, Any] = json.loads(
        TRUSTED.open(files[DOCUMENT], payload_type=BUNDLE_TYPE)
    )
    return opened


def signed(opened: dict[str, Any], files: Files) -> Files:
    """Return a bundle with a document that the operator signed."""
    envelope = EnvelopeSigner(SIGNER).sign(
        canonical_json(opened), payload_type=BUNDLE_TYPE
    )
    return {**files, DOCUMENT: envelope}


def changed(change: Change, files: Files = REQUEST) -> Files:
    """Return a bundle whose operator changed the document and signed it again."""
    opened = document(files)
    change(opened)
    return signed(opened, files)


def refused(files: Files) -> int:
    """Return the number of the check that refuses a bundle."""
    with pytest.raises(BundleInvalidError) as error:
        check_bundle(files, openers=OPENERS)
    return int(str(error.value.facts["check"]))


def test_genuine_bundles_pass() -> None:
    for files, count in ((REQUEST, 7), (MONTH, 23), (DAY, 10)):
        bundle, checkpoint = check_bundle(files, openers=OPENERS)
        assert (len(bundle.entries), checkpoint.size) == (count, 23)


@pytest.mark.parametrize("data", [b"", b"{}", b"junk"])
def test_1_a_document_without_a_signature_is_refused(data: bytes) -> None:
    assert refused({**REQUEST, DOCUMENT: data}) == 1


def test_1_a_strangers_document_is_refused() -> None:
    envelope = EnvelopeSigner(STRANGER).sign(
        canonical_json(document(REQUEST)), payload_type=BUNDLE_TYPE
    )
    assert refused({**REQUEST, DOCUMENT: envelope}) == 1


@given(st.integers(0, len(REQUEST[DOCUMENT]) - 1), st.integers(1, 255))
def test_1_no_byte_of_a_document_can_change(place: int, bits: int) -> None:
    data = bytearray(REQUEST[DOCUMENT])
    data[place] ^= bits
    assert refused({**REQUEST, DOCUMENT: bytes(data)}) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it.update(format="v0"),
        lambda it: it.update(extra=1),
        lambda it: it.pop("period"),
        lambda it: it.update(period=["2026"]),
        lambda it: it.update(entries=7),
        lambda it: it["entries"][0].update(salt="x"),
        lambda it: it["entries"][0].update(note="more"),
        lambda it: it["entries"][0].update(inclusion=["!"]),
        lambda it: it.update(request_id="me"),
        # A request and a period at once, or neither.
        lambda it: it.update(period=["2026-03-01", "2026-03-31"]),
        lambda it: it.update(request_id=None),
        lambda it: it.update(request_id=None, period=["2026-03-01", "soon"]),
    ],
)
def test_1_a_malformed_document_is_refused(change: Change) -> None:
    assert refused(changed(change)) == 1


def test_1_a_document_that_is_no_json_is_refused() -> None:
    envelope = EnvelopeSigner(SIGNER).sign(b"{", payload_type=BUNDLE_TYPE)
    assert refused({**REQUEST, DOCUMENT: envelope}) == 1


@pytest.mark.parametrize(
    "files",
    [
        {**REQUEST, CERTIFICATE: REQUEST[CERTIFICATE] + b" "},
        {**REQUEST, "more": b""},
        {name: data for name, data in REQUEST.items() if name != CERTIFICATE},
    ],
)
def test_2_every_file_is_bound(files: Files) -> None:
    assert refused(files) == 2


def resigned(opened: dict[str, Any], *, root: bytes | None = None) -> str:
    """Return the latest checkpoint with another root, or signed by a stranger."""
    checkpoint, _ = read_note(opened["checkpoint"].encode())
    if root is None:
        return Ed25519NoteSigner(ORIGIN, STRANGER).sign(checkpoint).decode()
    forged = type(checkpoint)(origin=ORIGIN, size=checkpoint.size, root=root)
    return Ed25519NoteSigner(ORIGIN, SIGNER).sign(forged).decode()


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it.update(checkpoint=resigned(it)),
        lambda it: it.update(checkpoint="junk"),
        lambda it: it["earlier"][0].update(consistency=[]),
        # The operator forks the log: the earlier checkpoint does not begin this one.
        lambda it: it.update(checkpoint=resigned(it, root=bytes(32))),
        lambda it: it["earlier"][0].update(checkpoint=it["checkpoint"]),
    ],
)
def test_3_checkpoints_are_genuine_and_continue_each_other(change: Change) -> None:
    assert refused(changed(change)) == 3


def rehashed(item: dict[str, Any], **fields: object) -> None:
    """Change an entry and give it the hash that fits."""
    item.update(fields)
    hidden = {"entry_hash", "salt", "inclusion"}
    inner = {name: value for name, value in item.items() if name not in hidden}
    item["entry_hash"] = digest_of(canonical_json(inner))


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it["entries"][3].update(payload={}),
        lambda it: rehashed(it["entries"][3], payload={}),
        lambda it: rehashed(it["entries"][3], sequence=99),
        lambda it: it["entries"][3].update(salt="00" * 32),
        lambda it: it["entries"][3].update(inclusion=[]),
        lambda it: it["entries"][3].update(inclusion=it["entries"][4]["inclusion"]),
    ],
)
def test_4_every_entry_is_in_the_log_as_it_is(change: Change) -> None:
    assert refused(changed(change)) == 4


@pytest.mark.parametrize("left_out", [2, 9, 22])
def test_5_no_entry_within_a_period_is_left_out(left_out: int) -> None:
    assert refused(changed(lambda it: it["entries"].pop(left_out - 1), MONTH)) == 5


@pytest.mark.parametrize(
    ("files", "shown"),
    [
        (MONTH, slice(1, None)),
        (MONTH, slice(None, -1)),
        (DAY, slice(1, None)),
        (DAY, slice(None, -1)),
        (DAY, slice(0)),
    ],
)
def test_5_neither_end_of_a_period_is_left_out(files: Files, shown: slice) -> None:
    assert (
        refused(changed(lambda it: it.update(entries=it["entries"][shown]), files)) == 5
    )


def test_5_the_entries_of_a_request_are_in_order() -> None:
    twice = changed(lambda it: it["entries"].append(it["entries"][-1]))
    with pytest.raises(BundleInvalidError, match="not in order"):
        check_bundle(twice, openers=OPENERS)


@pytest.mark.parametrize("left_out", range(5))
def test_5_no_stage_of_a_request_is_left_out(left_out: int) -> None:
    assert refused(changed(lambda it: it["entries"].pop(left_out))) == 5


def test_5_a_request_without_any_entry_is_refused() -> None:
    assert refused(changed(lambda it: it.update(entries=[]))) == 5


def test_5_no_other_request_is_mixed_in() -> None:
    other = f"{request_id(3)}"
    assert refused(changed(lambda it: it.update(request_id=other))) == 5


def with_file(name: str, data: bytes) -> Files:
    """Return the bundle with one file exchanged and bound again."""
    opened = document(REQUEST)
    opened["files"][name] = digest_of(data)
    return signed(opened, {**REQUEST, name: data})


def test_6_a_certificate_that_fails_its_own_checks_is_refused() -> None:
    assert refused(with_file(CERTIFICATE, b"{}")) == 6


def test_6_the_certificate_of_another_request_is_refused() -> None:
    other = MONTH[f"certificates/{request_id(1)}.json"]
    assert refused(with_file(CERTIFICATE, other)) == 6


@pytest.mark.parametrize("files", [REQUEST, MONTH])
def test_6_no_certificate_is_left_out(files: Files) -> None:
    opened = document(files)
    del opened["files"][CERTIFICATE]
    rest = {name: data for name, data in files.items() if name != CERTIFICATE}
    assert refused(signed(opened, rest)) == 6


def test_6_a_report_that_the_ledger_does_not_name_is_refused() -> None:
    assert refused(with_file("reports/x.json", b"{}")) == 6


def test_an_entry_comes_back_from_a_bundle_as_it_was() -> None:
    bundle, _ = check_bundle(REQUEST, openers=OPENERS)
    for item in bundle.entries:
        assert isinstance(item.entry, LedgerEntry)
        assert item.entry.computed_hash() == item.entry.entry_hash
