import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from support.steps import Controller

from unlearn_core.adapters.memory.records import MemoryClock
from unlearn_core.domain.deadlines import Rule
from unlearn_core.domain.requests import Channel, RequestStatus, Stage
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import InvalidIdentifierError, StorageError
from unlearn_core.privacy import Personal
from unlearn_core.steps.receive_request import (
    checked_contact,
    checked_evidence,
    receive_request,
    senders_reference,
)
from unlearn_core.steps.subject import read_contact, read_evidence, read_subject

pytestmark = pytest.mark.integration


def _same(first: DataSubject, second: DataSubject) -> bool:
    return set(first.identifiers) == set(second.identifiers)


def test_a_request_is_kept_without_the_person_behind_it(
    controller: Controller,
) -> None:
    person = controller.population.trained[0]

    request = receive_request(controller.submission(person), desk=controller.desk())

    assert controller.store.get(request.request_id) == request
    assert (request.stage, request.status) == (Stage.RECEIVED, RequestStatus.OPEN)
    assert request.channel is Channel.HTTP
    assert len(request.commitments) == 4
    [entry] = controller.entries(request.request_id, "received")
    assert entry.payload == {
        "channel": "http",
        "rule": request.deadline.rule,
        "due_on": "2026-04-02",
        "identifiers": 4,
    }
    assert person.name not in repr(request) + json.dumps(dict(entry.payload))


def test_identifiers_evidence_and_address_are_sealed_apart(
    controller: Controller,
) -> None:
    submission = controller.submission(controller.population.trained[0])

    request_id = receive_request(submission, desk=controller.desk()).request_id

    bench = controller.bench(request_id)
    assert _same(read_subject(request_id, bench=bench), submission.subject)
    assert read_evidence(request_id, bench=bench) == submission.evidence
    assert read_contact(request_id, bench=bench) == submission.contact
    controller.custody.shred(f"{request_id}.contact")
    assert _same(read_subject(request_id, bench=bench), submission.subject)


def test_the_run_is_asked_for_once(controller: Controller) -> None:
    request_id = controller.receive()

    assert controller.trigger.runs == [(request_id, 1)]


def test_a_request_is_kept_although_the_orchestrator_is_away(
    controller: Controller,
) -> None:
    controller.trigger.is_reachable = False

    request_id = controller.receive()

    assert controller.store.get(request_id).stage is Stage.RECEIVED
    assert controller.trigger.runs == []


def test_a_request_that_cannot_be_sealed_does_not_exist(
    controller: Controller,
) -> None:
    controller.custody.is_reachable = False

    with pytest.raises(StorageError):
        controller.receive()

    assert controller.store.all() == ()
    assert controller.trigger.runs == []


def test_the_clock_starts_on_the_day_where_the_controller_is(
    controller: Controller,
) -> None:
    # Half past eleven at night in UTC is the next morning in Berlin.
    controller.clock = MemoryClock(datetime(2026, 3, 2, 23, 30, tzinfo=UTC))

    request = controller.store.get(controller.receive())

    assert request.deadline.received_on == date(2026, 3, 3)
    assert request.deadline.due_on == date(2026, 4, 3)


def test_the_same_person_is_recognised_and_another_is_not(
    controller: Controller,
) -> None:
    first, again, other = (
        controller.store.get(controller.receive(number)) for number in (0, 0, 1)
    )

    assert first.commitments == again.commitments
    assert not set(first.commitments) & set(other.commitments)


@pytest.mark.parametrize(
    ("check", "longest"), [(checked_contact, 200), (checked_evidence, 4000)]
)
def test_what_is_sealed_beside_the_identifiers_is_short_and_on_one_line(
    check: Callable[[str | None], Personal[str] | None], longest: int
) -> None:
    assert check("") is None
    assert check(None) is None
    assert check("a" * longest) == Personal("a" * longest)
    for text, problem in (
        ("a" * (longest + 1), "too long"),
        ("ada@example.org\nBcc: eve@example.org", "control character"),
    ):
        with pytest.raises(InvalidIdentifierError) as caught:
            check(text)
        assert caught.value.facts["problem"] == problem


def test_a_request_may_be_made_under_another_rule_and_keep_its_senders_name(
    controller: Controller,
) -> None:
    submission = replace(
        controller.submission(controller.population.trained[0]),
        reference=Personal("r-1"),
        echoes_reference=True,
        rule=Rule.CCPA,
    )
    request = receive_request(submission, desk=controller.desk())
    assert request.deadline.rule == "ccpa-7021"
    kept = senders_reference(request.request_id, custody=controller.custody)
    assert kept == Personal("r-1")
    other = controller.receive(1)
    assert senders_reference(other, custody=controller.custody) is None
