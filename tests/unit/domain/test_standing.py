from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.domain import NOW, ledger
from support.renewals import (
    LATER,
    MANIFEST,
    VALIDITY,
    arranged,
    certified,
    destroyed,
    reverified,
    started,
)

from unlearn_core.domain.canonical import Digest
from unlearn_core.domain.certificates import CertificateStatus
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.standing import (
    Material,
    Reason,
    Renewals,
    Standing,
    read_renewals,
)

DAY = timedelta(days=1)
KEPT = arranged(evaluation_set=180, fingerprints=365)


def read(*later: LedgerEntry, is_served: bool = True) -> Renewals:
    renewals = read_renewals([*certified(is_served=is_served), *later])
    assert renewals is not None
    return renewals


def standing(
    *later: LedgerEntry, days: float = 1, served: Digest | None = MANIFEST
) -> Standing:
    return read(*later).standing(served, NOW + days * DAY)


def test_without_a_certificate_there_is_no_standing() -> None:
    assert read_renewals([]) is None
    assert read_renewals(ledger("received", "refused", "purged", "notified")) is None


def test_a_fresh_certificate_is_valid_until_its_time_is_up() -> None:
    assert standing() == Standing(
        status=CertificateStatus.VALID,
        reason=Reason.AS_VERIFIED,
        verified_at=NOW,
        valid_until=NOW + VALIDITY,
        reverifications=0,
        material=None,
    )
    assert standing(days=90).status is CertificateStatus.VALID
    late = standing(days=90.001)
    assert (late.status, late.reason) == (CertificateStatus.EXPIRED, Reason.TIME_IS_UP)


@pytest.mark.parametrize("served", [LATER, None])
def test_another_manifest_ends_the_validity_at_once(served: Digest | None) -> None:
    changed = standing(served=served)
    assert changed.status is CertificateStatus.EXPIRED
    assert changed.reason is Reason.STACK_CHANGED


@pytest.mark.parametrize("served", [MANIFEST, None])
def test_where_nothing_is_served_only_time_counts(served: Digest | None) -> None:
    renewals = read(is_served=False)
    assert renewals.standing(served, NOW + DAY).status is CertificateStatus.VALID
    assert not renewals.is_due(served, NOW + 400 * DAY)


def test_a_version_that_was_registered_and_never_served_was_not_verified() -> None:
    entries = [item for item in certified() if item.event != "serving_confirmed"]
    renewals = read_renewals(entries)
    assert renewals is not None
    assert renewals.manifest is None


def test_a_renewal_vouches_for_what_is_served_now() -> None:
    renewed = standing(
        KEPT,
        started(1, 30),
        reverified(30, manifest=LATER, renewed_until=NOW + 120 * DAY),
        days=100,
        served=LATER,
    )
    assert renewed.status is CertificateStatus.VALID
    assert renewed.verified_at == NOW + 30 * DAY
    assert renewed.valid_until == NOW + 120 * DAY
    assert (renewed.reverifications, renewed.material) == (1, Material.EVALUATION_SET)


def test_a_failure_lasts_until_something_renews() -> None:
    failed = [
        KEPT,
        started(1, 30),
        reverified(30, passed=False, failed_gates=("G1", "G3")),
    ]
    then = standing(*failed, days=31)
    assert (then.status, then.reason) == (
        CertificateStatus.FAILED,
        Reason.NOT_CONFIRMED,
    )
    assert then.failed_gates == ("G1", "G3")
    # A clean look without a renewal, such as one by fingerprints, heals nothing.
    looked = [*failed, started(2, 60), reverified(60)]
    assert standing(*looked, days=61).status is CertificateStatus.FAILED
    until = NOW + 180 * DAY
    healed = standing(*looked, reverified(90, renewed_until=until), days=91)
    assert (healed.status, healed.failed_gates) == (CertificateStatus.VALID, ())


@pytest.mark.parametrize(
    ("days", "material"),
    [
        (0, Material.EVALUATION_SET),
        (179.9, Material.EVALUATION_SET),
        (180, Material.FINGERPRINTS),
        (365, None),
    ],
)
def test_the_strongest_thing_that_is_kept_is_used(
    days: float, material: Material | None
) -> None:
    assert read(KEPT).material(NOW + days * DAY) is material


def test_what_has_outlived_its_day_is_named_until_it_is_destroyed() -> None:
    assert read(KEPT).outlived(NOW + 179 * DAY) == ()
    assert read(KEPT).outlived(NOW + 180 * DAY) == (Material.EVALUATION_SET,)
    gone = read(KEPT, destroyed("evaluation_set", 180))
    assert gone.outlived(NOW + 200 * DAY) == ()
    assert gone.outlived(NOW + 365 * DAY) == (Material.FINGERPRINTS,)
    assert gone.material(NOW + 181 * DAY) is Material.FINGERPRINTS


@pytest.mark.parametrize(
    ("later", "days", "served", "due"),
    [
        ((), 400, MANIFEST, False),
        ((arranged(),), 400, MANIFEST, False),
        ((KEPT,), 29, MANIFEST, False),
        ((KEPT,), 30, MANIFEST, True),
        ((KEPT,), 1, LATER, True),
        ((KEPT,), 1, None, False),
        ((KEPT,), 365, MANIFEST, False),
        # Begun and never finished: still due.
        ((KEPT, started(1, 30)), 31, MANIFEST, True),
        ((KEPT, started(1, 30), reverified(30)), 31, MANIFEST, False),
        ((KEPT, started(1, 30), reverified(30)), 60, MANIFEST, True),
        # A version that was looked at, even without renewal, is not looked at daily.
        ((KEPT, started(1, 2), reverified(2, manifest=LATER)), 3, LATER, False),
    ],
)
def test_a_look_is_due_after_a_while_and_when_something_else_is_served(
    later: tuple[LedgerEntry, ...],
    days: float,
    served: Digest | None,
    due: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert read(*later).is_due(served, NOW + days * DAY) is due


def test_an_attempt_is_open_until_it_has_a_result() -> None:
    begun = read(KEPT, started(3, 30))
    assert begun.latest is not None
    assert (begun.latest.number, begun.is_open) == (3, True)
    assert not read(KEPT, started(3, 30), reverified(30)).is_open


@given(st.lists(st.booleans(), max_size=6), st.sampled_from([MANIFEST, LATER]))
def test_a_certificate_is_valid_only_if_the_last_renewal_was_of_what_is_served(
    outcomes: list[bool], served: Digest
) -> None:
    later = [KEPT]
    for number, passed in enumerate(outcomes, start=1):
        manifest = LATER if number % 2 else MANIFEST
        until = NOW + 1000 * DAY if passed else None
        later += [
            started(number, number),
            reverified(number, passed=passed, manifest=manifest, renewed_until=until),
        ]
    last = LATER if len(outcomes) % 2 else MANIFEST
    expected = (not outcomes or outcomes[-1]) and last == served
    found = standing(*later, days=7, served=served)
    assert (found.status is CertificateStatus.VALID) is expected
