import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from support.receivers import receiver
from support.recipients import DOWNLOADS, SEARCH, TENANT, Desk, open_desk
from support.steps import Controller
from support.story import STORY, do, work_until

from unlearn_core.adapters.notices import carriers_to
from unlearn_core.domain.dispatches import GIVE_UP_AFTER, Dispatch, DispatchState
from unlearn_core.domain.letters import letter_text
from unlearn_core.domain.recipients import (
    CONCERNED,
    NOTICE,
    NOTICE_TYPE,
    Telling,
    Told,
    read_recipients,
)
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.errors import LeaseLostError
from unlearn_core.steps import scopes
from unlearn_core.steps.deliver_messages import PostRoom, deliver_messages
from unlearn_core.steps.tell_recipients import tell_recipients
from unlearn_core.steps.workbench import Workbench

pytestmark = pytest.mark.integration

Begin = Callable[..., tuple[RequestId, Workbench]]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    folder = tmp_path / "recipients"
    folder.mkdir()
    return open_desk(folder)


@pytest.fixture
def begin(controller: Controller, desk: Desk) -> Begin:
    """Return what brings a request to where its records are erased."""

    def begun(*entries: object) -> tuple[RequestId, Workbench]:
        controller.register = desk.register(*entries)  # type: ignore[arg-type]  # dicts
        key = controller.receive()
        bench = controller.bench(key)
        work_until(Stage.SOURCES_ERASED, key, bench=bench)
        return key, bench

    return begun


def notices(controller: Controller) -> list[tuple[str, DispatchState]]:
    return [
        (item.channel, item.state)
        for item in controller.notifier.dispatches()
        if item.template == NOTICE
    ]


def room(controller: Controller) -> PostRoom:
    return PostRoom(
        holder="intake",
        carriers=carriers_to(
            controller.register,
            server=None,
            sender="privacy@us.example",
            now=controller.clock.now,
        ),
        outbox=controller.notifier,
        requests=controller.store,
        ledger=controller.store,
        leases=controller.leases,
        custody=controller.custody,
        clock=controller.clock,
    )


def test_whoever_has_what_was_erased_is_told_once(
    begin: Begin, controller: Controller
) -> None:
    key, bench = begin(SEARCH, TENANT, DOWNLOADS)
    told = tell_recipients(key, bench=bench)
    assert told.tellings == {
        "acme-search": Telling.WAITING,
        "bolt": Telling.WAITING,
        "downloads": Telling.IMPOSSIBLE,
    }
    assert tell_recipients(key, bench=bench) == told
    assert notices(controller) == [
        ("recipient-acme-search", DispatchState.WAITING),
        ("recipient-bolt", DispatchState.WAITING),
    ]
    assert len(controller.entries(key, CONCERNED)) == 1


def test_who_has_received_nothing_of_it_is_not_told(
    begin: Begin, controller: Controller
) -> None:
    key, bench = begin(SEARCH | {"since": "2030-01-01"})
    assert tell_recipients(key, bench=bench).tellings == {}
    assert notices(controller) == []
    assert controller.entries(key, CONCERNED) == []


def test_who_has_a_model_that_was_trained_on_none_of_it_is_not_told(
    begin: Begin,
) -> None:
    key, bench = begin(TENANT, DOWNLOADS)
    trained = dict.fromkeys(bench.sources, ("another",))
    bench = replace(bench, data_map=replace(bench.data_map, trained=trained))
    assert tell_recipients(key, bench=bench).tellings == {"bolt": Telling.WAITING}


def test_only_the_recipient_can_read_which_records_are_meant(
    begin: Begin, controller: Controller, desk: Desk
) -> None:
    key, bench = begin(SEARCH)
    tell_recipients(key, bench=bench)
    kept = controller.custody.get(scopes.notices(key), "acme-search")
    notice = json.loads(kept)
    assert notice["sources"] == {"customers": 1}
    letter = controller.notary.open(
        desk.open(notice["sealed"]), payload_type=NOTICE_TYPE
    )
    person = controller.population.trained[0]
    (record,) = json.loads(letter)["records"]["customers"]
    assert record
    assert person.name.encode() not in kept + letter


def test_identifiers_go_only_to_who_needs_them(
    begin: Begin, controller: Controller, desk: Desk
) -> None:
    key, bench = begin(SEARCH | {"encloses": "identifiers"})
    tell_recipients(key, bench=bench)
    kept = controller.custody.get(scopes.notices(key), "acme-search")
    person = controller.population.trained[0]
    assert person.facts["email"].encode() not in kept
    letter = controller.notary.open(
        desk.open(json.loads(kept)["sealed"]), payload_type=NOTICE_TYPE
    )
    assert person.facts["email"] in letter.decode()


def test_a_run_that_was_cut_off_queues_nothing_twice(
    begin: Begin, controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, bench = begin(SEARCH)
    with monkeypatch.context() as cut:
        cut.setattr(controller.notifier, "queue", _killed_after(controller))
        with pytest.raises(KeyboardInterrupt):
            tell_recipients(key, bench=bench)
    # Meanwhile it was sent, and what it said is gone.
    controller.custody.shred(scopes.notices(key))
    (sent,) = controller.notifier.dispatches(key)
    controller.notifier.settle(sent.sent())

    assert list(tell_recipients(key, bench=bench).tellings) == ["acme-search"]
    assert notices(controller) == [("recipient-acme-search", DispatchState.SENT)]


def _killed_after(controller: Controller) -> Callable[[Sequence[Dispatch]], None]:
    """Return queueing after which the worker dies."""
    queue = controller.notifier.queue

    def queued(dispatches: Sequence[Dispatch]) -> None:
        queue(dispatches)
        raise KeyboardInterrupt

    return queued


def test_a_worker_that_has_lost_its_lease_tells_nobody(
    begin: Begin, controller: Controller
) -> None:
    key, bench = begin(SEARCH)
    controller.lose(bench)
    with pytest.raises(LeaseLostError):
        tell_recipients(key, bench=bench)
    assert notices(controller) == []


def test_a_notice_is_delivered_after_the_purge_and_then_forgotten(
    begin: Begin, controller: Controller
) -> None:
    with receiver(200) as (url, came):
        hook = {"url": url, "secret_file": "bolt.secret"}
        key, bench = begin(TENANT | {"webhook": hook})
        tell_recipients(key, bench=bench)
        controller.custody.shred(scopes.working(key))
        (sent,) = deliver_messages(room(controller))
    assert sent.state is DispatchState.SENT
    assert len(came) == 1
    assert not controller.custody.holds(scopes.notices(key))
    assert told(controller, key).telling is Telling.TOLD


def test_a_recipient_who_is_gone_for_good_is_not_asked_again(
    begin: Begin, controller: Controller
) -> None:
    with receiver(410) as (url, _):
        hook = {"url": url, "secret_file": "bolt.secret"}
        key, bench = begin(TENANT | {"webhook": hook})
        tell_recipients(key, bench=bench)
        deliver_messages(room(controller))
    bolt = told(controller, key)
    assert (bolt.telling, bolt.reason) == (Telling.BOUNCED, "http_410")


def told(controller: Controller, key: RequestId) -> Told:
    (only,) = read_recipients(controller.store.entries(key))
    return only


def test_who_left_the_register_is_given_up(
    begin: Begin, controller: Controller, desk: Desk
) -> None:
    key, bench = begin(TENANT)
    tell_recipients(key, bench=bench)
    controller.register = desk.register()
    deliver_messages(room(controller))
    # The register may be an old one: what the notice says is kept for the next try.
    assert told(controller, key).telling is Telling.WAITING
    assert controller.custody.has(scopes.notices(key), "bolt")
    controller.clock.move(GIVE_UP_AFTER)
    deliver_messages(room(controller))
    bolt = told(controller, key)
    assert (bolt.telling, bolt.reason) == (Telling.ABANDONED, "no_such_channel")
    assert not controller.custody.holds(scopes.notices(key))


def test_certificate_and_letter_say_how_many_were_told(
    begin: Begin, controller: Controller
) -> None:
    key, bench = begin(TENANT, DOWNLOADS)
    tell_recipients(key, bench=bench)
    for _, step in STORY[4:]:
        do(step, key, bench=bench)
    certificate = controller.certificate(key)
    assert certificate.recipients == {"impossible": 1, "waiting": 1}
    said = dict(letter_text(certificate, "en").sections)["Recipients of the data"]
    assert said == (
        "Impossible to tell: 1",
        "A notice is on its way to: 1",
        "Ask us, and we tell you who they are.",
    )
