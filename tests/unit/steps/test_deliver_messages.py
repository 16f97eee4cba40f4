import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from support.domain import NOW, request_id
from support.domain import request as erasure_request

from unlearn_core.adapters.memory.contact import MemoryNotifier
from unlearn_core.adapters.memory.records import (
    MemoryClock,
    MemoryLeaseStore,
    MemoryRequestStore,
)
from unlearn_core.adapters.memory.storage import MemoryCustody
from unlearn_core.domain.canonical import canonical_json
from unlearn_core.domain.dispatches import (
    CarrierUnavailableError,
    DispatchState,
    MessageRefusedError,
    Route,
)
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.requests import Stage
from unlearn_core.ports import Message
from unlearn_core.privacy import Personal
from unlearn_core.steps import scopes
from unlearn_core.steps.deliver_messages import RESOURCE, PostRoom, deliver_messages

CONTACT = Personal("ada@post.example")
MAIL = Route(channel="email", needs_address=True)
HOOK = Route(channel="webhook-1", needs_address=False)


@dataclass
class Carrier:
    """A carrier that answers as told."""

    route: Route
    answers: list[Exception | None] = field(default_factory=list)
    carried: list[tuple[Message, str | None]] = field(default_factory=list)

    def carry(self, message: Message, *, to: Personal[str] | None) -> None:
        """Carry, or raise what comes next."""
        if self.answers and (answer := self.answers.pop(0)):
            raise answer
        self.carried.append((message, to.reveal() if to else None))


class Post:
    """A post room over stores in memory, with one open request."""

    def __init__(self) -> None:
        self.clock = MemoryClock(NOW)
        self.leases = MemoryLeaseStore(clock=self.clock)
        self.store = MemoryRequestStore(leases=self.leases, clock=self.clock)
        self.custody = MemoryCustody(ledger=self.store, clock=self.clock)
        self.outbox = MemoryNotifier(clock=self.clock, routes=(MAIL, HOOK))
        self.mail, self.hook = Carrier(MAIL), Carrier(HOOK)
        self.store.receive(erasure_request(), {})
        self.advance(Stage.ACKNOWLEDGED)
        scope = scopes.contact(request_id())
        self.custody.open_scope(scope)
        self.custody.put(scope, scopes.CONTENT, canonical_json(CONTACT.reveal()))

    def knows_address(self) -> bool:
        """Tell whether the address is still there."""
        return self.custody.has(scopes.contact(request_id()), scopes.CONTENT)

    def room(self, *carriers: Carrier) -> PostRoom:
        """Return what delivering needs; both carriers unless some are given."""
        return PostRoom(
            holder="intake-1",
            carriers=carriers or (self.mail, self.hook),
            outbox=self.outbox,
            requests=self.store,
            ledger=self.store,
            leases=self.leases,
            custody=self.custody,
            clock=self.clock,
        )

    def notify(self, template: str) -> bool:
        """Post a message to the subject."""
        return self.outbox.notify(
            self.store.get(request_id()), template=template, contact=CONTACT
        )

    def advance(self, *stages: Stage, **payload: str) -> None:
        """Move the request on."""
        lease = self.leases.acquire("r", holder="w", ttl=timedelta(minutes=1))
        for stage in stages:
            self.store.advance(request_id(), stage, dict(payload), lease=lease)
        self.leases.release(lease)

    def close(self) -> None:
        """Bring the request to its end, as a withdrawn one."""
        self.advance(Stage.WITHDRAWN, Stage.PURGED, Stage.NOTIFIED)

    def states(self) -> list[tuple[str, str, str]]:
        """Return what is known of every message on its way."""
        return [
            (dispatch.template, dispatch.channel, dispatch.state)
            for dispatch in self.outbox.dispatches()
        ]

    def noted(self) -> list[tuple[str, Any]]:
        """Return the entries about messages."""
        return [
            (entry.event, entry.payload["channel"])
            for entry in self.store.entries(request_id())
            if entry.event.startswith("message_")
        ]


@pytest.fixture
def post() -> Post:
    return Post()


def test_a_message_goes_every_way_once(post: Post) -> None:
    assert post.notify("acknowledged")
    deliver_messages(post.room())
    assert deliver_messages(post.room()) == ()
    ((message, address),) = post.mail.carried
    assert (message.template, message.at, address) == (
        "acknowledged",
        NOW,
        CONTACT.reveal(),
    )
    assert [to for _message, to in post.hook.carried] == [None]
    assert post.noted() == [("message_sent", "email"), ("message_sent", "webhook-1")]
    assert post.knows_address()


def test_what_could_not_be_sent_now_is_tried_again_with_the_same_reference(
    post: Post,
) -> None:
    post.mail.answers = [CarrierUnavailableError(reason="smtp_450"), None]
    post.notify("acknowledged")
    (delayed, _sent) = deliver_messages(post.room())
    assert (delayed.state, delayed.reason) == (DispatchState.WAITING, "smtp_450")
    assert deliver_messages(post.room()) == ()
    post.clock.move(timedelta(minutes=1))
    (sent,) = deliver_messages(post.room())
    assert (sent.state, sent.attempts) == (DispatchState.SENT, 2)
    assert post.mail.carried[0][0].reference != post.hook.carried[0][0].reference


def test_a_bounce_is_kept_and_not_repeated(post: Post) -> None:
    post.mail.answers = [MessageRefusedError(reason="smtp_550")]
    post.notify("acknowledged")
    deliver_messages(post.room())
    post.clock.move(timedelta(days=1))
    assert deliver_messages(post.room()) == ()
    assert post.states()[0] == ("acknowledged", "email", "bounced")
    assert post.noted()[0] == ("message_bounced", "email")


def test_an_outcome_is_told_after_it_was_recorded_and_then_the_address_is_forgotten(
    post: Post,
) -> None:
    assert post.notify("withdrawn")
    assert deliver_messages(post.room()) == ()
    post.close()
    deliver_messages(post.room())
    assert len(post.mail.carried) == 1
    assert not post.knows_address()
    assert not post.notify("withdrawn")


def test_the_address_stays_while_another_message_waits_for_it(post: Post) -> None:
    post.mail.answers = [CarrierUnavailableError(reason="smtp_450")]
    post.notify("acknowledged")
    deliver_messages(post.room())
    post.notify("withdrawn")
    post.close()
    deliver_messages(post.room())
    assert post.knows_address()
    post.clock.move(timedelta(minutes=1))
    deliver_messages(post.room())
    assert not post.knows_address()
    assert {state for _template, _channel, state in post.states()} == {"sent"}


def test_after_three_days_a_message_is_given_up_and_the_address_forgotten(
    post: Post,
) -> None:
    post.notify("withdrawn")
    post.close()
    post.mail.answers = [CarrierUnavailableError(reason="timeout")] * 99
    for _round in range(99):
        deliver_messages(post.room())
        post.clock.move(timedelta(hours=6))
    assert post.states()[0] == ("withdrawn", "email", "abandoned")
    assert ("message_abandoned", "email") in post.noted()
    assert not post.knows_address()


def die_in(
    part: object, call: str, *, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deliver by mail in a process that dies where it makes a call."""

    def die(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(part, call, die)
        with pytest.raises(KeyboardInterrupt):
            deliver_messages(post.room(post.mail))


def test_a_crash_after_sending_leaves_no_address_and_does_not_send_again(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.notify("withdrawn")
    post.close()
    die_in(post.outbox, "settle", post=post, monkeypatch=monkeypatch)
    deliver_messages(post.room())
    assert len(post.mail.carried) == 1
    assert post.states()[0] == ("withdrawn", "email", "sent")
    assert post.noted().count(("message_sent", "email")) == 1
    assert not post.knows_address()


def test_a_crash_before_the_address_is_forgotten_is_made_up_for(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.notify("withdrawn")
    post.close()
    die_in(post.custody, "shred", post=post, monkeypatch=monkeypatch)
    assert post.knows_address()
    deliver_messages(post.room())
    assert len(post.mail.carried) == 1
    assert post.states()[0] == ("withdrawn", "email", "sent")
    assert not post.knows_address()


def test_a_channel_that_is_no_longer_set_up_does_not_wait_for_ever(post: Post) -> None:
    post.notify("acknowledged")
    deliver_messages(post.room(post.hook))
    assert post.states()[0] == ("acknowledged", "email", "abandoned")


def test_two_services_do_not_send_twice(post: Post) -> None:
    post.notify("acknowledged")
    lease = post.leases.acquire("post", holder="intake-2", ttl=timedelta(minutes=1))
    assert deliver_messages(post.room()) == ()
    post.leases.release(lease)
    assert len(deliver_messages(post.room())) == 2


def test_what_another_service_sent_just_before_is_not_sent_again(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = post.leases.acquire

    def acquire(resource: str, *, holder: str, ttl: timedelta) -> Lease:
        monkeypatch.undo()  # the other one is quicker
        deliver_messages(replace(post.room(), holder="intake-2"))
        return genuine(resource, holder=holder, ttl=ttl)

    post.notify("acknowledged")
    monkeypatch.setattr(post.leases, "acquire", acquire)
    assert deliver_messages(post.room()) == ()
    assert len(post.mail.carried) == 1


def test_a_message_that_cannot_be_sent_at_all_does_not_stop_the_others(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    post.mail.answers = [RuntimeError(CONTACT.reveal())]
    post.notify("acknowledged")
    (stuck, sent) = deliver_messages(post.room())
    assert (stuck.state, stuck.reason) == (DispatchState.WAITING, "RuntimeError")
    assert sent.state is DispatchState.SENT
    assert CONTACT.reveal() not in caplog.text


def test_the_lease_lasts_as_long_as_the_round(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []

    def slow(_message: Message, *, to: Personal[str] | None) -> None:
        del to
        post.clock.move(timedelta(minutes=4))
        held.append(not post.leases.is_free(RESOURCE))

    monkeypatch.setattr(post.mail, "carry", slow)
    for template in ("acknowledged", "extended", "on_hold"):
        post.notify(template)
    assert len(deliver_messages(post.room())) == 6
    assert held == [True] * 3


def test_a_code_goes_to_the_address_it_is_sealed_with_and_to_no_program() -> None:
    post = Post()
    scope = scopes.evidence(request_id())
    post.custody.open_scope(scope)
    sealed = {"code": "01234567", "to": "claimed@post.example"}
    post.custody.put(scope, scopes.CODE, canonical_json(sealed))
    post.outbox.notify(
        erasure_request(),
        template="identity_code_1",
        contact=Personal("claimed@post.example"),
    )
    deliver_messages(post.room())
    ((mailed, to),) = post.mail.carried
    assert to == "claimed@post.example"
    assert mailed.code == Personal("01234567")
    ((hooked, nowhere),) = post.hook.carried
    assert (hooked.code, nowhere) == (None, None)
    assert post.knows_address()


def test_a_code_that_was_destroyed_goes_nowhere_and_not_to_the_contact() -> None:
    post = Post()
    post.outbox.notify(
        erasure_request(),
        template="identity_code_1",
        contact=Personal("claimed@post.example"),
    )
    deliver_messages(post.room())
    assert post.mail.carried == []
    states = {item.channel: item.state for item in post.outbox.dispatches()}
    assert states["email"] is DispatchState.ABANDONED


def test_until_when_a_request_can_be_cancelled_is_told_once_it_is_in_the_ledger() -> (
    None
):
    post = Post()
    post.advance(Stage.IDENTITY_VERIFIED, Stage.LOCATED)
    post.notify("cooling_off_1")
    assert deliver_messages(post.room()) == ()
    post.advance(Stage.COOLING_OFF, until=NOW.isoformat())
    deliver_messages(post.room())
    assert [message.cancel_until for message, _ in post.mail.carried] == [NOW]


@pytest.mark.parametrize("is_stated", [False, True])
def test_nobody_is_told_of_an_erasure_that_was_called_off_meanwhile(
    post: Post, *, is_stated: bool
) -> None:
    post.notify("cooling_off_1")
    if is_stated:
        post.advance(Stage.IDENTITY_VERIFIED, Stage.LOCATED)
        post.advance(Stage.COOLING_OFF, until=NOW.isoformat())
    post.close()
    deliver_messages(post.room())
    assert (post.mail.carried, post.hook.carried) == ([], [])
    assert {item.reason for item in post.outbox.dispatches()} == {"overtaken"}
    assert not post.knows_address()
