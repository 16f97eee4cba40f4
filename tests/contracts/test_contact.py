"""What every notifier, workflow trigger and identity policy promises."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from joserfc.jwk import OKPKey
from support.databases import KINDS, migrated
from support.domain import NOW, request_id
from support.domain import request as erasure_request
from support.orchestrator import crash, prefect_away, prefect_server, runs_of
from support.sources import subject

from unlearn_core import ports
from unlearn_core.adapters.database.notifier import StatusPageNotifier
from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.identity_policies import SignedTokenPolicy, issue_token
from unlearn_core.adapters.memory.contact import (
    MemoryIdentityPolicy,
    MemoryNotifier,
    MemoryTrigger,
)
from unlearn_core.adapters.memory.records import MemoryClock
from unlearn_core.adapters.prefect_trigger import PrefectTrigger
from unlearn_core.domain.dispatches import Dispatch, Route
from unlearn_core.domain.requests import Channel, RequestId
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import OrchestratorUnavailableError
from unlearn_core.privacy import Personal

HOUR = timedelta(hours=1)
ISSUER = "https://id.unlearn.example"


MAIL = Route(channel="email", needs_address=True)
HOOK = Route(channel="webhook-1", needs_address=False)


@dataclass(frozen=True)
class Post:
    """A notifier and its outbox, what it has posted, and the clock."""

    notifier: ports.Notifier
    outbox: ports.Outbox
    posted: Callable[[RequestId], tuple[str, ...]]
    clock: MemoryClock


@pytest.fixture(params=["memory", *KINDS])
def post(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Post]:
    """Return a notifier of each kind; request 1 and 2 exist."""
    clock = MemoryClock()
    if request.param == "memory":
        memory = MemoryNotifier(clock=clock, routes=(MAIL, HOOK))
        yield Post(notifier=memory, outbox=memory, posted=memory.posted, clock=clock)
        return
    with migrated(request.param, tmp_path) as database:
        store = DatabaseRequestStore(database, clock=clock)
        for number in (1, 2):
            store.receive(erasure_request(number), {})
        notifier = StatusPageNotifier(database, clock=clock, routes=(MAIL, HOOK))
        yield Post(
            notifier=notifier, outbox=notifier, posted=notifier.posted, clock=clock
        )


def test_what_somebody_sent_for_the_subject_is_not_mailed(post: Post) -> None:
    sent = replace(erasure_request(1), channel=Channel.DRP)
    is_needed = post.notifier.notify(
        sent, template="refused", contact=Personal("https://agent.example/")
    )
    assert [dispatch.channel for dispatch in post.outbox.dispatches()] == ["webhook-1"]
    assert not is_needed


def test_messages_are_posted_in_order_and_only_once(post: Post) -> None:
    for template in ("verified", "fulfilled", "verified"):
        post.notifier.notify(
            erasure_request(1), template=template, contact=Personal("ada@example.org")
        )
        post.clock.move(HOUR)
    assert post.posted(request_id(1)) == ("verified", "fulfilled")


def test_messages_of_different_requests_do_not_mix(post: Post) -> None:
    post.notifier.notify(erasure_request(1), template="refused", contact=None)
    assert post.posted(request_id(2)) == ()


def notify(post: Post, template: str, *, contact: str | None = "a@b.example") -> bool:
    """Post a message about request 1."""
    return post.notifier.notify(
        erasure_request(1),
        template=template,
        contact=Personal(contact) if contact else None,
    )


def test_a_message_is_on_its_way_over_every_route_once(post: Post) -> None:
    begun = post.clock.now()
    assert notify(post, "acknowledged")
    post.clock.move(HOUR)
    assert notify(post, "acknowledged")
    assert [
        (item.template, item.channel, item.state, item.attempts, item.queued_at)
        for item in post.outbox.dispatches(request_id(1))
    ] == [
        ("acknowledged", "email", "waiting", 0, begun),
        ("acknowledged", "webhook-1", "waiting", 0, begun),
    ]
    assert not post.outbox.dispatches(request_id(2))


def test_messages_to_others_are_queued_beside_and_once(post: Post) -> None:
    first, second = (
        Dispatch(
            request_id=request_id(1),
            template="recipient_notice",
            channel=channel,
            queued_at=NOW,
            due_at=NOW,
        )
        for channel in ("recipient-a", "recipient-b")
    )
    post.outbox.queue([first, second])
    post.outbox.settle(first.sent())
    post.outbox.queue([first, second])
    assert set(post.outbox.dispatches(request_id(1))) == {first.sent(), second}
    assert post.posted(request_id(1)) == ()


def test_without_an_address_nothing_waits_for_one(post: Post) -> None:
    assert not notify(post, "acknowledged", contact=None)
    (only,) = post.outbox.dispatches()
    assert only.channel == "webhook-1"


def test_how_a_try_ended_is_kept_and_the_address_needed_no_more(post: Post) -> None:
    notify(post, "acknowledged")
    mail, hook = post.outbox.dispatches()
    later = mail.delayed("smtp_450", now=NOW + HOUR)
    post.outbox.settle(later)
    assert post.outbox.dispatches() == (later, hook)
    assert notify(post, "acknowledged")
    post.outbox.settle(later.sent())
    assert post.outbox.dispatches() == (later.sent(), hook)
    assert not notify(post, "acknowledged")


def test_only_what_waits_and_whose_time_has_come_is_due(post: Post) -> None:
    notify(post, "acknowledged")
    mail, hook = post.outbox.dispatches()
    post.outbox.settle(mail.delayed("smtp_450", now=mail.queued_at))
    post.outbox.settle(hook.sent())
    assert post.outbox.due(NOW - HOUR) == ()
    post.clock.move(HOUR)
    (later,) = post.outbox.due(post.clock.now())
    assert (later.channel, later.attempts) == ("email", 1)


@dataclass(frozen=True)
class Orchestrator:
    """A trigger and what a test may do behind it.

    Attributes:
        runs: Counts the runs that were made for a request.
        crash: Lets the first run of a request end.
        away: Takes the orchestrator away.
    """

    trigger: ports.WorkflowTrigger
    runs: Callable[[RequestId], int]
    crash: Callable[[RequestId], None]
    away: Callable[[], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    """Run one Prefect server for this module."""
    with prefect_server():
        yield


@pytest.fixture(
    params=["memory", pytest.param("prefect", marks=pytest.mark.integration)]
)
def orchestrator(request: pytest.FixtureRequest) -> Orchestrator:
    """Return an orchestrator of each kind."""
    if request.param == "memory":
        return _memory_orchestrator()
    request.getfixturevalue("server")
    return Orchestrator(
        trigger=PrefectTrigger(),
        runs=lambda wanted: len(runs_of(wanted)),
        crash=lambda wanted: crash(runs_of(wanted)[0].id),
        away=prefect_away,
    )


def _memory_orchestrator() -> Orchestrator:
    trigger = MemoryTrigger()

    @contextmanager
    def away() -> Iterator[None]:
        trigger.is_reachable = False
        yield
        trigger.is_reachable = True

    return Orchestrator(
        trigger=trigger,
        runs=lambda wanted: sum(run[0] == wanted for run in trigger.runs),
        crash=lambda wanted: trigger.crash(wanted, attempt=1),
        away=away,
    )


def test_one_attempt_runs_once_and_the_next_one_again(
    orchestrator: Orchestrator,
) -> None:
    wanted, other = RequestId(uuid4()), RequestId(uuid4())
    for attempt in (1, 1, 2):
        orchestrator.trigger.start(wanted, attempt=attempt)
    orchestrator.trigger.start(other, attempt=1)
    assert orchestrator.runs(wanted) == 2
    assert orchestrator.runs(other) == 1


def test_a_run_that_died_before_its_work_began_is_replaced_once(
    orchestrator: Orchestrator,
) -> None:
    wanted = RequestId(uuid4())
    orchestrator.trigger.start(wanted, attempt=1)
    orchestrator.crash(wanted)
    for _ in range(3):
        orchestrator.trigger.start(wanted, attempt=1)
    assert orchestrator.runs(wanted) == 2


def test_an_orchestrator_that_is_away_says_so(orchestrator: Orchestrator) -> None:
    wanted = RequestId(uuid4())
    with (
        orchestrator.away(),
        pytest.raises(OrchestratorUnavailableError, match=str(wanted)),
    ):
        orchestrator.trigger.start(wanted, attempt=1)
    assert orchestrator.runs(wanted) == 0
    orchestrator.trigger.start(wanted, attempt=1)
    assert orchestrator.runs(wanted) == 1


@dataclass(frozen=True)
class Counter:
    """An identity policy and who issues evidence that it believes."""

    policy: ports.IdentityPolicy
    issue: Callable[[DataSubject, datetime], Personal[str]]


@pytest.fixture(params=["memory", "signed_token"])
def counter(request: pytest.FixtureRequest) -> Counter:
    """Return an identity policy of each kind."""
    if request.param == "memory":
        policy = MemoryIdentityPolicy()
        return Counter(
            policy=policy,
            issue=lambda person, expires: policy.issue(person, expires_at=expires),
        )
    key = OKPKey.generate_key("Ed25519")
    return Counter(
        policy=SignedTokenPolicy(issuer=ISSUER, public_key=key),
        issue=lambda person, expires: issue_token(
            person,
            issuer=ISSUER,
            private_key=key,
            token_id=uuid4().hex,
            issued_at=int((expires - HOUR).timestamp()),
            valid_seconds=3600,
        ),
    )


def test_evidence_for_the_subject_is_believed_until_it_expires(
    counter: Counter,
) -> None:
    evidence = counter.issue(subject(), NOW + HOUR)
    for moment in (NOW, NOW + HOUR - timedelta(seconds=1)):
        decision = counter.policy.decide(subject(), evidence, now=moment)
        assert (decision.is_verified, decision.reason) == (True, "")
    late = counter.policy.decide(subject(), evidence, now=NOW + HOUR)
    assert (late.is_verified, late.reason) == (False, "expired")


def test_spelling_and_order_of_identifiers_do_not_matter(counter: Counter) -> None:
    evidence = counter.issue(subject(), NOW + HOUR)
    respelt = subject(customer_number="c-1001", name="ADA  example")
    assert counter.policy.decide(respelt, evidence, now=NOW).is_verified


@pytest.mark.parametrize(
    "identifiers",
    [
        {"name": "Ben Muster", "customer_number": "C-1002"},
        {"name": "Ada Example", "customer_number": "C-1002"},
        {"name": "Ada Example", "customer_number": ["C-1001", "C-1002"]},
        {"name": "Ada Example", "email": "ada@example.org"},
    ],
)
def test_evidence_is_no_good_for_any_other_identifiers(
    counter: Counter, identifiers: dict[str, object]
) -> None:
    evidence = counter.issue(subject(), NOW + HOUR)
    decision = counter.policy.decide(subject(**identifiers), evidence, now=NOW)
    assert (decision.is_verified, decision.reason) == (False, "other_person")


def test_no_evidence_and_foreign_evidence_are_told_apart(counter: Counter) -> None:
    reasons = [
        counter.policy.decide(subject(), evidence, now=NOW).reason
        for evidence in (None, Personal(""), Personal("no.such.token"))
    ]
    assert reasons == ["no_evidence", "bad_signature", "bad_signature"]


def test_every_decision_names_the_policy(counter: Counter) -> None:
    refused = counter.policy.decide(subject(), None, now=NOW)
    evidence = counter.issue(subject(), NOW + HOUR)
    verified = counter.policy.decide(subject(), evidence, now=NOW)
    assert refused.method == verified.method != ""
