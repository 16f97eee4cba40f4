from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.domain import NOW, digest, pointer

from unlearn_core.domain.pointers import ServingPointer
from unlearn_core.errors import DowngradeRefusedError, ManifestInvalidError


def test_the_written_form_is_fixed() -> None:
    assert pointer(2).to_json() == {
        "format": "unlearn/serving-pointer/v1",
        "base_model": "small-world",
        "version": "2",
        "manifest": digest("manifest 2"),
        "sequence": 2,
        "minimum_sequence": 2,
        "issued_at": "2026-03-02T09:30:00+00:00",
        "expires_at": "2026-03-03T09:30:00+00:00",
    }
    assert ServingPointer.from_json(pointer(2).to_json()) == pointer(2)


def test_replicas_that_are_cut_off_are_written_only_if_there_are_any() -> None:
    named = replace(pointer(2), cut_off=("left", "right"))
    assert named.to_json() == pointer(2).to_json() | {"cut_off": ["left", "right"]}
    assert ServingPointer.from_json(named.to_json()) == named


def test_a_list_of_restrictions_is_written_only_if_one_is_required() -> None:
    listed = replace(pointer(2), restrictions=7)
    assert listed.to_json() == pointer(2).to_json() | {"restrictions": 7}
    assert ServingPointer.from_json(listed.to_json()) == listed
    listed.check_follows(pointer(2))
    with pytest.raises(DowngradeRefusedError):
        pointer(2).check_follows(listed)


def test_a_withdrawal_leaves_nothing_that_may_answer() -> None:
    later = NOW + timedelta(minutes=1)
    withdrawal = pointer(2).withdrawn(issued_at=later, expires_at=later)
    assert (withdrawal.sequence, withdrawal.minimum_sequence) == (2, 3)
    assert withdrawal.is_withdrawal
    assert not pointer(2).is_withdrawal
    withdrawal.check_follows(pointer(2))
    with pytest.raises(DowngradeRefusedError):
        pointer(2).check_follows(withdrawal)
    assert ServingPointer.from_json(withdrawal.to_json()) == withdrawal


@pytest.mark.parametrize("missing", pointer().to_json())
def test_a_pointer_without_one_of_its_fields_is_refused(missing: str) -> None:
    raw = {
        name: value for name, value in pointer().to_json().items() if name != missing
    }
    with pytest.raises(ManifestInvalidError):
        ServingPointer.from_json(raw)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "unlearn/serving-pointer/v2"},
        {"format": None},
        {"sequence": "one"},
        {"sequence": None},
        {"minimum_sequence": [1]},
        {"issued_at": "yesterday"},
        {"expires_at": None},
        {"expires_at": 1772443800},
        {"expires_at": "2026-03-03T09:30:00"},
        {"issued_at": "2026-03-02"},
        {"cut_off": "left"},
        {"cut_off": [1]},
        {"cut_off": None},
    ],
    ids=str,
)
def test_a_malformed_pointer_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ManifestInvalidError):
        ServingPointer.from_json({**pointer().to_json(), **change})


@pytest.mark.parametrize("raw", [[], "pointer", None, 7])
def test_what_is_no_object_is_refused(raw: Any) -> None:  # noqa: ANN401 - any JSON value
    with pytest.raises(ManifestInvalidError):
        ServingPointer.from_json(raw)


@pytest.mark.parametrize(
    ("change", "facts"),
    [
        ({"sequence": 2}, {"offered": 2, "minimum": 3}),
        ({"minimum_sequence": 2}, {"offered": 2, "minimum": 3}),
        (
            {"manifest": digest("another manifest 3")},
            {"problem": "another version of the same sequence"},
        ),
        (
            {"manifest": digest("another")},
            {"problem": "another version of the same sequence"},
        ),
        (
            {"issued_at": NOW - timedelta(microseconds=1)},
            {"problem": "issued before the one in use"},
        ),
    ],
)
def test_a_pointer_that_goes_back_is_refused(
    change: dict[str, Any], facts: dict[str, object]
) -> None:
    seen = pointer(3)
    with pytest.raises(DowngradeRefusedError) as caught:
        replace(pointer(3), **change).check_follows(seen)
    assert caught.value.facts == facts


def test_a_first_the_same_and_a_later_pointer_may_follow() -> None:
    pointer(1).check_follows(None)
    pointer(3).check_follows(pointer(3))
    pointer(4, issued_at=NOW + timedelta(hours=1)).check_follows(pointer(3))


POINTERS = st.builds(
    lambda sequence, minimum, moment: replace(
        pointer(), sequence=sequence, minimum_sequence=minimum, issued_at=moment
    ),
    st.integers(1, 4),
    st.integers(1, 4),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 3)),  # noqa: DTZ001 - compared with each other only
)


@given(st.lists(POINTERS, max_size=8))
def test_whatever_is_offered_the_minimum_that_a_replica_keeps_never_falls(
    offered: list[ServingPointer],
) -> None:
    seen: ServingPointer | None = None
    kept: list[tuple[int, int, datetime]] = []
    for candidate in offered:
        try:
            candidate.check_follows(seen)
        except DowngradeRefusedError:
            continue
        seen = candidate
        kept.append(
            (candidate.sequence, candidate.minimum_sequence, candidate.issued_at)
        )
    for column in zip(*kept, strict=True):
        assert list(column) == sorted(column)
