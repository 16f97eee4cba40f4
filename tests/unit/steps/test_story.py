"""What holds for every step, shown on one request from receipt to answer."""

import base64
import hashlib
import json
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import pytest
from support.steps import Controller, subject_of
from support.story import STORY, do, work_until

from unlearn_core.domain.ledger import verify_chain
from unlearn_core.domain.requests import TRANSITIONS, RequestId, RequestStatus, Stage
from unlearn_core.errors import IllegalTransitionError, LeaseLostError
from unlearn_core.smallworld.people import HIGH_ENTROPY_FIELDS
from unlearn_core.steps.workbench import Workbench

# Whole stories: too slow for the quick tests.
pytestmark = pytest.mark.integration


def _traces(controller: Controller) -> dict[str, object]:
    """Return everything outside that a step could have changed."""
    return {
        "entries": len(list(controller.store.entries())),
        "versions": controller.registry.versions("small-world"),
        "alias": controller.registry.alias("small-world", "serving"),
        "pointer": controller.registry.pointer("small-world"),
        "runs": {
            run: (len(item.files), item.succeeded)
            for run, item in controller.runs.runs.items()
        },
        "documents": dict(controller.evidence.documents),
        "messages": [
            controller.notifier.posted(item.request_id)
            for item in controller.store.all()
        ],
        "kept": [
            controller.custody.has(f"{item.request_id}{part}", "content")
            for item in controller.store.all()
            for part in ("", ".evidence", ".contact")
        ],
        "sources": [
            path.read_bytes()
            for path in (
                controller.paths.corpus,
                controller.paths.support,
                controller.paths.customers,
            )
        ],
    }


@pytest.mark.usefixtures("unhurried")
def test_a_request_that_goes_well_passes_every_stage_in_a_legal_order(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)

    for stage, step in STORY:
        assert do(step, request_id, bench=bench).stage is stage
        assert controller.store.get(request_id).stage is stage

    stages = [
        Stage(entry.event)
        for entry in controller.store.entries(request_id)
        if entry.event in set(Stage)
    ]
    assert stages == [Stage.RECEIVED, *(stage for stage, _ in STORY)]
    assert all(later in TRANSITIONS[earlier] for earlier, later in pairwise(stages))
    assert controller.store.get(request_id).status is RequestStatus.FULFILLED
    verify_chain(controller.store.entries())


def test_a_step_done_twice_does_its_work_once(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)

    for _, step in STORY:
        first = do(step, request_id, bench=bench)
        before = _traces(controller)
        assert do(step, request_id, bench=bench) == first
        assert _traces(controller) == before


def test_a_finished_request_can_be_run_again_without_effect(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    results = [do(step, request_id, bench=bench) for _, step in STORY]
    before = _traces(controller)

    again = controller.lose(bench)

    assert [do(step, request_id, bench=again) for _, step in STORY] == results
    assert _traces(controller) == before


def test_a_worker_that_has_lost_its_lease_does_nothing(controller: Controller) -> None:
    request_id = controller.receive()
    stale = controller.bench(request_id)
    bench = controller.lose(stale)

    for _, step in STORY:
        before = _traces(controller)
        with pytest.raises(LeaseLostError):
            do(step, request_id, bench=stale)
        assert _traces(controller) == before
        do(step, request_id, bench=bench)


def test_a_worker_that_has_lost_the_base_model_does_nothing(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.DATASETS_BUILT, request_id, bench=bench)
    lease = controller.lease("base:small-world")
    held = replace(bench, base_lease=lease)
    lost = replace(bench, base_lease=replace(lease, token=lease.token - 1))

    for stage, step in STORY[5:10]:
        before = _traces(controller)
        with pytest.raises(LeaseLostError):
            do(step, request_id, bench=lost)
        assert _traces(controller) == before
        assert do(step, request_id, bench=held).stage is stage


def test_a_step_out_of_turn_is_refused_before_it_does_anything(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    for number, (stage, step) in enumerate(STORY):
        before = _traces(controller)
        for later, other in STORY[number + 1 :]:
            if later in TRANSITIONS[controller.store.get(request_id).stage]:
                continue
            with pytest.raises(IllegalTransitionError):
                do(other, request_id, bench=bench)
        assert _traces(controller) == before, stage
        do(step, request_id, bench=bench)


def test_neither_ledger_nor_tracker_nor_evidence_learns_anything_personal(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    work_until(Stage.NOTIFIED, request_id, bench=controller.bench(request_id))

    written = json.dumps([dict(item.payload) for item in controller.store.entries()])
    written += repr(controller.runs.runs)
    written += repr(controller.evidence.documents)

    person = controller.population.trained[0]
    identifying = [person.name, *(person.facts[name] for name in HIGH_ENTROPY_FIELDS)]
    assert [value for value in identifying if value in written] == []


@pytest.mark.usefixtures("unhurried")
def test_two_people_are_both_covered_by_the_version_that_is_served_last(
    controller: Controller,
) -> None:
    served: list[RequestId] = []
    for number in (0, 1):
        request_id = controller.receive(number)
        bench: Workbench = controller.bench(request_id)
        work_until(Stage.NOTIFIED, request_id, bench=bench)
        served.append(request_id)

    versions = controller.registry.versions("small-world")
    assert [version.sequence for version in versions] == [1, 2]
    pointer = controller.pointer()
    assert pointer is not None
    assert (pointer.sequence, pointer.minimum_sequence) == (2, 2)
    assert controller.covered() == [str(item) for item in served]


def _hashes(text: str) -> set[str]:
    """Return what a plain hash of a text looks like, in digits and in base64."""
    digests = [
        hashlib.new(name, text.encode()).digest()
        for name in ("md5", "sha1", "sha256", "sha512", "blake2b", "sha3_256")
    ]
    return {
        written
        for digest in digests
        for written in (
            digest.hex(),
            base64.b64encode(digest).decode().rstrip("="),
            base64.urlsafe_b64encode(digest).decode().rstrip("="),
        )
    }


def test_no_plain_hash_of_an_identifier_is_in_the_evidence(
    controller: Controller,
) -> None:
    """Whoever has a list of names could tell by one whom a request was about."""
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.CERTIFIED, request_id, bench=bench)
    told = [json.dumps(dict(item.payload)) for item in controller.store.entries()]
    for document in controller.evidence.documents.values():
        told.append(document.decode("utf-8", "replace"))
        with suppress(ValueError, KeyError):
            payload = base64.b64decode(json.loads(document)["payload"])
            told.append(payload.decode())
    evidence = "\n".join(told)
    subject = subject_of(controller.population.trained[0])
    spellings = {
        spelling
        for item in subject.identifiers
        for value in (item.value.reveal(), item.canonical.reveal())
        for spelling in (value, value.lower(), value.upper(), f"{item.kind}:{value}")
    }
    assert len(spellings) >= 12
    assert "hmac-sha256:" in evidence
    assert str(request_id) in evidence
    for spelling in spellings:
        assert spelling not in evidence
        assert not {written for written in _hashes(spelling) if written in evidence}
