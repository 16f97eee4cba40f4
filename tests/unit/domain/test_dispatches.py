from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.domain import NOW, request_id
from support.domain import request as erasure_request

from unlearn_core.domain.dispatches import (
    GIVE_UP_AFTER,
    LONGEST_PAUSE,
    Dispatch,
    DispatchState,
    Route,
)
from unlearn_core.domain.requests import Channel

QUEUED = Dispatch(
    request_id=request_id(),
    template="acknowledged",
    channel="email",
    queued_at=NOW,
    due_at=NOW,
)


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(0, 1), (1, 2), (2, 4), (8, 256), (9, 360), (99, 360)]
)
def test_the_pause_doubles_up_to_six_hours(attempts: int, minutes: int) -> None:
    dispatch = Dispatch(
        request_id=request_id(),
        template="acknowledged",
        channel="email",
        queued_at=NOW,
        due_at=NOW,
        attempts=attempts,
    )
    again = dispatch.delayed("smtp_451", now=NOW)
    assert again.due_at - NOW == timedelta(minutes=minutes)
    assert (again.state, again.reason) == (DispatchState.WAITING, "smtp_451")


@given(st.integers(0, 40))
def test_tries_end_within_three_days_and_a_pause(first_minutes: int) -> None:
    dispatch, now, tries = QUEUED, NOW + timedelta(minutes=first_minutes), 0
    while dispatch.state is DispatchState.WAITING:
        dispatch = dispatch.delayed("ConnectionRefusedError", now=now)
        now, tries = max(now, dispatch.due_at), tries + 1
    assert dispatch.state is DispatchState.ABANDONED
    assert dispatch.attempts == tries
    assert GIVE_UP_AFTER <= now - NOW <= GIVE_UP_AFTER + LONGEST_PAUSE


def test_an_end_counts_its_try_and_keeps_its_reason() -> None:
    assert QUEUED.sent().attempts == 1
    assert QUEUED.delayed("x", now=NOW).sent().reason == ""
    assert QUEUED.bounced("smtp_550").state is DispatchState.BOUNCED
    assert QUEUED.abandoned("address_gone").reason == "address_gone"


MAIL = Route(channel="email", needs_address=True)
HOOK = Route(channel="webhook-1", needs_address=False)
AGENTS = Route(channel="agents", needs_address=True, senders=frozenset({Channel.DRP}))


@pytest.mark.parametrize(
    ("channel", "template", "ways"),
    [
        (Channel.HTTP, "acknowledged", [MAIL, HOOK]),
        (Channel.DROP, "acknowledged", [MAIL, HOOK]),
        (Channel.DRP, "acknowledged", [HOOK, AGENTS]),
        (Channel.OPENDSR, "acknowledged", [HOOK]),
        (Channel.HTTP, "identity_code_1", [MAIL, HOOK]),
        # A code goes to the subject, whoever has sent the request.
        (Channel.DRP, "identity_code_1", [MAIL, HOOK]),
    ],
)
def test_a_message_goes_to_whoever_sent_the_request(
    channel: Channel, template: str, ways: list[Route]
) -> None:
    asked = replace(erasure_request(), channel=channel)
    served = [way for way in (MAIL, HOOK, AGENTS) if way.serves(asked, template)]
    assert served == ways
