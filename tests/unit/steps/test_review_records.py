import json
from collections.abc import Callable
from dataclasses import replace

import pytest
import yaml
from support.reviews import ANNA, decision, plant_namesakes, review_desk
from support.steps import Controller
from support.story import work_until

from unlearn_core.adapters.connectors.data_map import open_data_map
from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.ledger import verify_chain
from unlearn_core.domain.requests import Outcome, RequestId, Stage
from unlearn_core.domain.reviews import ReviewRefusedError
from unlearn_core.domain.sources import records_from_bytes, records_to_bytes
from unlearn_core.errors import (
    IllegalTransitionError,
    LeaseBusyError,
    SealBrokenError,
)
from unlearn_core.steps import scopes
from unlearn_core.steps.erase_source_records import erase_source_records
from unlearn_core.steps.locate_personal_data import locate_personal_data
from unlearn_core.steps.resume_requests import WatchPost, resume_requests
from unlearn_core.steps.review_records import (
    open_review,
    read_reasoning,
    review_records,
)
from unlearn_core.steps.workbench import Workbench

pytestmark = pytest.mark.integration

Waiting = Callable[[], tuple[RequestId, Workbench]]


@pytest.fixture
def waiting(controller: Controller) -> Waiting:
    """Return what brings a request with two possible namesakes to its review."""

    def bring() -> tuple[RequestId, Workbench]:
        plant_namesakes(controller)
        request_id = controller.receive()
        bench = controller.bench(request_id)
        work_until(Stage.LOCATED, request_id, bench=bench)
        controller.leases.release(bench.lease)
        return request_id, bench

    return bring


def resumed(controller: Controller, request_id: RequestId) -> Workbench:
    return controller.bench(request_id)


def test_uncertain_records_stop_the_request_and_nothing_is_erased(
    controller: Controller, waiting: Waiting
) -> None:
    before = controller.paths.corpus.read_bytes()
    request_id, _ = waiting()
    planted = controller.paths.corpus.read_bytes()
    bench = resumed(controller, request_id)

    located = locate_personal_data(request_id, bench=bench)

    assert located.stage is Stage.UNDER_REVIEW
    assert located.uncertain == {"corpus": 2}
    assert located.found == {"corpus": 16, "support": 12, "customers": 1}
    with pytest.raises(IllegalTransitionError):
        erase_source_records(request_id, bench=bench)
    assert controller.paths.corpus.read_bytes() == planted != before


def test_a_request_under_review_is_not_started_again(
    controller: Controller, waiting: Waiting
) -> None:
    request_id, _ = waiting()
    post = WatchPost(
        requests=controller.store,
        ledger=controller.store,
        leases=controller.leases,
        trigger=controller.trigger,
        clock=controller.clock,
        maximum_attempts=5,
    )
    assert resume_requests(post) == ()
    review_records(request_id, decision(1, 2), desk=review_desk(controller))
    assert resume_requests(post) == (request_id,)


def test_the_list_says_what_there_is_to_decide(
    controller: Controller, waiting: Waiting
) -> None:
    request_id, _ = waiting()
    listed = open_review(request_id, desk=review_desk(controller))
    assert [item.record_id for item in listed.records] == ["n-0", "n-1"]
    assert listed.undecided == (1, 2)
    first = listed.records[0]
    assert first.why == ("name as_written in text",)
    assert first.texts["text"].reveal().endswith("has moved to another planet.")


def test_namesakes_that_are_kept_stay_and_the_request_goes_on_complete(
    controller: Controller, waiting: Waiting
) -> None:
    request_id, _ = waiting()
    desk = review_desk(controller)
    assert review_records(request_id, decision(2), desk=desk).undecided == (1,)
    assert controller.store.get(request_id).stage is Stage.UNDER_REVIEW
    review_records(request_id, decision(1), desk=desk)
    assert controller.store.get(request_id).stage is Stage.REVIEWED
    bench = resumed(controller, request_id)

    located = locate_personal_data(request_id, bench=bench)

    assert (located.stage, located.unsearched) == (Stage.LOCATED, [])
    assert located == locate_personal_data(request_id, bench=bench)
    assert located.found == {"corpus": 16, "support": 12, "customers": 1}
    erased = erase_source_records(request_id, bench=bench)
    assert erased.erased == {"corpus": 16, "support": 12, "customers": 1}
    assert controller.paths.corpus.read_text().count("another planet") == 2


def test_a_record_that_is_about_the_subject_after_all_is_erased(
    controller: Controller, waiting: Waiting
) -> None:
    request_id, _ = waiting()
    desk = review_desk(controller)
    same = decision(1, ruling="erase", reason="same_person")
    review_records(request_id, same, desk=desk)
    review_records(request_id, decision(2), desk=desk)
    bench = resumed(controller, request_id)
    assert locate_personal_data(request_id, bench=bench).found["corpus"] == 17
    assert erase_source_records(request_id, bench=bench).erased["corpus"] == 17
    rows = map(json.loads, controller.paths.corpus.read_text().splitlines())
    assert [row["id"] for row in rows if row["id"].startswith("n-")] == ["n-1"]


def test_a_record_on_hold_counts_as_found_and_stays(
    controller: Controller, waiting: Waiting
) -> None:
    request_id, _ = waiting()
    held = decision(1, 2, reason="legal_hold")
    review_records(request_id, held, desk=review_desk(controller))
    bench = resumed(controller, request_id)
    assert locate_personal_data(request_id, bench=bench).found["corpus"] == 18
    result = erase_source_records(request_id, bench=bench)
    assert (result.erased["corpus"], result.held) == (16, {"corpus": 2})
    assert controller.paths.corpus.read_text().count("another planet") == 2


def test_an_exempt_record_stays_on_its_ground_and_the_reasoning_is_sealed(
    controller: Controller, waiting: Waiting
) -> None:
    request_id, _ = waiting()
    desk = review_desk(controller)
    why = "Frau Beispiel sues us; file 12 O 34/26."
    review_records(
        request_id, decision(1, reason="legal_claims", reasoning=why), desk=desk
    )
    review_records(request_id, decision(2, reason="legal_hold"), desk=desk)
    bench = resumed(controller, request_id)

    locate_personal_data(request_id, bench=bench)
    result = erase_source_records(request_id, bench=bench)

    assert result.staying["corpus"] == {"legal_claims": 1, "legal_hold": 1}
    assert controller.paths.corpus.read_text().count("another planet") == 2
    told = [str(entry.payload) for entry in controller.store.entries(request_id)]
    assert not any("Beispiel" in line for line in told)
    found = read_reasoning(request_id, desk=desk)
    assert {number: text.reveal() for number, text in found.items()} == {1: why}


def test_a_ground_that_is_taken_back_has_no_reasoning_any_more(
    controller: Controller, waiting: Waiting
) -> None:
    request_id, _ = waiting()
    desk = review_desk(controller)
    exempt = decision(1, reason="archiving", reasoning="The state archive has it.")
    review_records(request_id, exempt, desk=desk)
    review_records(request_id, decision(1), desk=desk)
    assert read_reasoning(request_id, desk=desk) == {}


def test_an_attempt_that_died_after_it_took_records_in_is_counted_once(
    controller: Controller, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id, _ = waiting()
    same = decision(1, 2, ruling="erase", reason="same_person")
    review_records(request_id, same, desk=review_desk(controller))
    bench = resumed(controller, request_id)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(controller.store, "advance", die)
        with pytest.raises(KeyboardInterrupt):
            locate_personal_data(request_id, bench=bench)
    assert locate_personal_data(request_id, bench=bench).found["corpus"] == 18
    assert erase_source_records(request_id, bench=bench).erased["corpus"] == 18


def test_decisions_are_worth_nothing_for_another_list(
    controller: Controller, waiting: Waiting
) -> None:
    """As a worker may leave one that lost its lease while it searched."""
    request_id, _ = waiting()
    desk = review_desk(controller)
    review_records(
        request_id, decision(1, ruling="erase", reason="same_person"), desk=desk
    )
    scope = scopes.working(request_id)
    listed = open_review(request_id, desk=desk).records
    turned = records_to_bytes(reversed(listed))
    controller.custody.put(scope, scopes.REVIEW_LIST, turned)
    with pytest.raises(SealBrokenError):
        review_records(request_id, decision(2), desk=desk)
    controller.custody.put(scope, scopes.REVIEW_LIST, records_to_bytes(listed))
    review_records(request_id, decision(2), desk=desk)
    controller.custody.put(scope, scopes.REVIEW_LIST, turned)
    with pytest.raises(SealBrokenError):
        locate_personal_data(request_id, bench=resumed(controller, request_id))


def test_nothing_is_taken_in_beside_another_list_than_was_found(
    controller: Controller, waiting: Waiting
) -> None:
    """Such as one of a search before a hold, which the seal does not tell apart."""
    request_id, _ = waiting()
    review_records(
        request_id,
        decision(1, 2, ruling="erase", reason="same_person"),
        desk=review_desk(controller),
    )
    scope = scopes.working(request_id)
    found = records_from_bytes(controller.custody.get(scope, scopes.LOCATED))
    older = [replace(found[0], record_id="of-another"), *found]
    controller.custody.put(scope, scopes.LOCATED, records_to_bytes(older))
    with pytest.raises(SealBrokenError, match=scopes.LOCATED):
        locate_personal_data(request_id, bench=resumed(controller, request_id))


def test_a_decision_is_about_every_version_of_a_record(
    controller: Controller,
) -> None:
    plant_namesakes(controller, count=3)
    text = controller.paths.corpus.read_text(encoding="utf-8")
    controller.paths.corpus.write_text(text.replace('"n-2"', '"n-0"'))
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.LOCATED, request_id, bench=bench)
    controller.leases.release(bench.lease)
    desk = review_desk(controller)
    kept = review_records(request_id, decision(3), desk=desk)
    assert [item.record_id for item in kept.records] == ["n-0", "n-1", "n-0"]
    assert (sorted(kept.rulings), kept.undecided) == ([1, 3], (2,))


def test_the_ledger_says_who_decided_what_and_nothing_of_the_person(
    controller: Controller, waiting: Waiting
) -> None:
    request_id, _ = waiting()
    review_records(request_id, decision(1, 2), desk=review_desk(controller))
    (laid,) = controller.entries(request_id, Stage.UNDER_REVIEW)
    decided = [
        dict(entry.payload)
        for entry in controller.entries(request_id, "record_reviewed")
    ]
    assert decided == [
        {
            "review_list": laid.payload["review_list"],
            "record": number,
            "source": "corpus",
            "ruling": "keep",
            "reason": "namesake",
            "officer": ANNA,
        }
        for number in (1, 2)
    ]
    verify_chain(controller.store.entries())


def test_a_review_that_is_done_is_not_decided_again(
    controller: Controller, waiting: Waiting
) -> None:
    request_id, _ = waiting()
    desk = review_desk(controller)
    review_records(request_id, decision(1, 2), desk=desk)
    with pytest.raises(IllegalTransitionError):
        review_records(request_id, decision(1), desk=desk)


def test_only_officers_decide_and_never_while_a_worker_works(
    controller: Controller, waiting: Waiting
) -> None:
    request_id, _ = waiting()
    stranger = decision(1, officer="mallory")
    for officers in ((), (ANNA,)):
        with pytest.raises(ReviewRefusedError, match="officer"):
            review_records(
                request_id, stranger, desk=review_desk(controller, officers=officers)
            )
    controller.bench(request_id)
    with pytest.raises(LeaseBusyError):
        review_records(request_id, decision(1), desk=review_desk(controller))
    assert controller.entries(request_id, "record_reviewed") == []


def test_namesakes_alone_are_nothing_found_once_somebody_has_said_so(
    controller: Controller,
) -> None:
    stranger = controller.population.controls[0]
    with controller.paths.corpus.open("a", encoding="utf-8") as file:
        row = {"id": "n-9", "name": stranger.name, "customer": "KD-99999"}
        file.write(json.dumps(row) + "\n")
    request_id = controller.receive_stranger()
    bench = controller.bench(request_id)
    work_until(Stage.LOCATED, request_id, bench=bench)
    assert controller.store.get(request_id).outcome is None
    controller.leases.release(bench.lease)
    review_records(request_id, decision(1), desk=review_desk(controller))
    bench = resumed(controller, request_id)

    located = locate_personal_data(request_id, bench=bench)

    assert (located.stage, located.outcome) == (Stage.NOT_FOUND, Outcome.NOT_FOUND)


def test_only_an_explicit_rule_of_the_data_map_lets_a_request_go_on_undecided(
    controller: Controller,
) -> None:
    plant_namesakes(controller)
    raw = yaml.safe_load(controller.paths.data_map.read_text())
    raw["sources"][0]["uncertain"] = "partial"
    controller.paths.data_map.write_text(yaml.safe_dump(raw))
    controller.opened = open_data_map(controller.paths.data_map)
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.LOCATED, request_id, bench=bench)
    (located,) = controller.entries(request_id, Stage.LOCATED)
    assert located.payload["unsearched"] == ["corpus"]
    erase_source_records(request_id, bench=bench)
    assert controller.paths.corpus.read_text().count("another planet") == 2


def test_what_was_held_meanwhile_is_searched_and_decided_anew(
    controller: Controller, waiting: Waiting
) -> None:
    request_id, _ = waiting()
    desk = review_desk(controller)
    review_records(request_id, decision(1), desk=desk)
    lease = controller.lease(request_id)
    for stage in (Stage.ON_HOLD, Stage.RELEASED):
        controller.store.advance(
            request_id,
            stage,
            {"reason": "objection", "on": "2026-03-02"},
            lease=lease,
        )
    bench = controller.bench(request_id, lease=lease)
    assert locate_personal_data(request_id, bench=bench).stage is Stage.UNDER_REVIEW
    assert open_review(request_id, desk=desk).undecided == (1, 2)


@pytest.mark.parametrize(
    "facts", [{"entered_by": ANNA}, {"submitted_by": "key:1"}], ids=str
)
def test_who_has_entered_a_request_does_not_say_what_is_erased_for_it(
    controller: Controller, waiting: Waiting, facts: dict[str, JsonValue]
) -> None:
    request_id, _ = waiting()
    controller.store.note("received", facts, request_id=request_id)
    own = replace(decision(1, 2, ruling="erase", reason="same_person"), who="key:1")
    with pytest.raises(ReviewRefusedError, match="erases nothing"):
        review_records(request_id, own, desk=review_desk(controller))
    keeps = replace(decision(1, 2), who="key:1")
    listed = review_records(request_id, keeps, desk=review_desk(controller))
    assert listed.undecided == ()
