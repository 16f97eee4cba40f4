"""The table of times, and what follows from it for one request."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.domain import ledger_entry, request_id
from support.retention import TERMS

from unlearn_core.domain.ledger import RETENTION_ANNOUNCED, RETENTION_APPLIED
from unlearn_core.domain.requests import Outcome, Stage
from unlearn_core.domain.retention import (
    WHAT,
    End,
    Kind,
    Terms,
    due,
    ends,
    gone,
    table,
    unfinished,
)

ANSWERED = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAYS = st.integers(0, 9000)
TIMES = st.builds(
    Terms,
    contact_days=DAYS,
    material_days=DAYS,
    record_days=DAYS,
    suppression_days=DAYS,
    evidence_days=DAYS,
)


def end(outcome: Outcome, *, is_retired: bool = False) -> End:
    """Return the end of a request."""
    return End(
        request_id=request_id(),
        outcome=outcome,
        ended_at=ANSWERED,
        is_retired=is_retired,
    )


def test_every_kind_has_a_time_and_a_reason_in_every_outcome() -> None:
    periods = table(TERMS)
    assert len(periods) == len(Kind) * len(Outcome) == 104
    assert all(period.reason for period in periods.values())
    assert set(WHAT) == set(Kind)


@pytest.mark.parametrize(
    ("kind", "outcome", "days", "while_served"),
    [
        # Failures and refusals keep nothing personal either.
        (Kind.WORKING_DATA, Outcome.FAILED, 0, False),
        (Kind.IDENTITY_EVIDENCE, Outcome.REFUSED, 0, False),
        (Kind.CONTACT_ADDRESS, Outcome.WITHDRAWN, 14, False),
        (Kind.RESTRICTION, Outcome.REFUSED, 1000, False),
        (Kind.EVALUATION_SET, Outcome.SUPPRESSED_AT_OUTPUT, 100, False),
        (Kind.EVALUATION_SET, Outcome.NOT_FOUND, 0, False),
        (Kind.FINGERPRINTS, Outcome.PARTIAL, 100, False),
        (Kind.MESSAGES, Outcome.EXEMPT, 1000, False),
        (Kind.COMMITMENTS, Outcome.REFUSED, 1000, False),
        # A version may have been promoted before a request failed.
        (Kind.COMMITMENTS, Outcome.FAILED, 3000, True),
        (Kind.LEDGER_CONTENT, Outcome.FAILED, 4000, True),
        (Kind.COMMITMENTS, Outcome.ERASED_AT_SOURCE, 3000, False),
        (Kind.COMMITMENTS, Outcome.SUPPRESSED_AT_OUTPUT, 3000, True),
        (Kind.REQUEST, Outcome.PARTIAL, 3000, True),
        (Kind.DOCUMENTS, Outcome.NOT_FOUND, 4000, False),
        (Kind.LEDGER_CONTENT, Outcome.WITHDRAWN, 4000, False),
        (Kind.LEDGER_CONTENT, Outcome.SUPPRESSED_AT_OUTPUT, 4000, True),
    ],
)
def test_how_long_what_is_kept(
    kind: Kind, outcome: Outcome, days: int, *, while_served: bool
) -> None:
    period = table(TERMS)[kind, outcome]
    assert (period.days, period.while_served) == (days, while_served)


@given(TIMES, st.sampled_from(Outcome))
def test_nothing_is_deleted_before_what_depends_on_it(
    terms: Terms, outcome: Outcome
) -> None:
    periods = table(terms)
    content = periods[Kind.LEDGER_CONTENT, outcome]
    for kind in Kind:
        assert periods[kind, outcome].days <= content.days
    row = periods[Kind.REQUEST, outcome]
    for kind in (Kind.MESSAGES, Kind.COMMITMENTS):
        assert periods[kind, outcome].days <= row.days
        assert row.while_served or not periods[kind, outcome].while_served


@given(
    terms=TIMES,
    outcome=st.sampled_from(Outcome),
    days=DAYS,
    is_retired=st.booleans(),
)
def test_what_is_due_stays_due(
    terms: Terms, outcome: Outcome, days: int, *, is_retired: bool
) -> None:
    closed, periods = end(outcome, is_retired=is_retired), table(terms)
    now = ANSWERED + timedelta(days=days)
    later = due(closed, periods, now=now + timedelta(days=1))
    assert set(due(closed, periods, now=now)) <= set(later)
    final = now + timedelta(days=9000)
    assert is_retired <= (set(due(closed, periods, now=final)) == set(Kind))


def test_a_time_is_over_on_the_day_and_not_before() -> None:
    closed, periods = end(Outcome.WITHDRAWN), table(TERMS)
    day = ANSWERED + timedelta(days=14)
    assert Kind.CONTACT_ADDRESS in due(closed, periods, now=day)
    before = day - timedelta(microseconds=1)
    assert due(closed, periods, now=before) == (
        Kind.IDENTITY_EVIDENCE,
        Kind.WORKING_DATA,
        Kind.EVALUATION_SET,
        Kind.FINGERPRINTS,
    )


def test_whoever_is_suppressed_is_recognised_until_the_base_is_retired() -> None:
    late, periods = ANSWERED + timedelta(days=99_999), table(TERMS)
    served = due(end(Outcome.SUPPRESSED_AT_OUTPUT), periods, now=late)
    assert set(Kind) - set(served) == {
        Kind.COMMITMENTS,
        Kind.REQUEST,
        Kind.REASONING,
        Kind.DOCUMENTS,
        Kind.LEDGER_CONTENT,
    }
    retired = end(Outcome.SUPPRESSED_AT_OUTPUT, is_retired=True)
    assert set(due(retired, periods, now=late)) == set(Kind)


def test_ends_are_read_from_the_answers() -> None:
    told = ledger_entry(Stage.NOTIFIED, payload={"outcome": "refused"})
    (found,) = ends([told], retired={request_id(): False})
    assert (found.outcome, found.is_retired) == (Outcome.REFUSED, False)
    assert found.ended_at == told.recorded_at
    # Without a row nothing is known of the base, and nothing waits for it.
    (found,) = ends([told], retired={})
    assert found.is_retired
    # An answer that does not say what it was counts as a failure.
    silent = ledger_entry(Stage.NOTIFIED, payload={})
    assert ends([silent], retired={})[0].outcome is Outcome.FAILED
    assert ends([ledger_entry(Stage.PURGED)], retired={}) == ()


def test_an_announcement_without_its_end_is_unfinished() -> None:
    first = ledger_entry(RETENTION_ANNOUNCED, payload={"kinds": {"request": 1}})
    second = ledger_entry(
        RETENTION_ANNOUNCED, after=first, number=2, payload={"kinds": {"messages": 3}}
    )
    done = ledger_entry(RETENTION_APPLIED, after=second)
    of_nobody = ledger_entry("checkpoint_published", after=done)
    assert unfinished([first, second, done, of_nobody]) == {
        request_id(2): {"kinds": {"messages": 3}}
    }
    assert gone([first, second, done]) == {request_id()}
