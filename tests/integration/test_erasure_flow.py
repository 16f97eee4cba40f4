"""Whole flows under a real Prefect server, over ports in memory and tiny models."""

import json
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from support.reviews import decision, plant_namesakes, review_desk
from support.stations import MemoryStation
from support.steps import open_controller

from flows import tasks, work
from flows.erasure import fulfil_erasure_request
from unlearn_core.domain.requests import Outcome, RequestId, RequestStatus, Stage
from unlearn_core.errors import RegistryUnavailableError, UnexpectedError
from unlearn_core.ports import SourceConnector
from unlearn_core.steps.review_records import review_records

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("prefect_server")]


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryStation:
    station = MemoryStation(controller=open_controller(tmp_path))
    monkeypatch.setattr(work, "open_station", station.opened)
    for task in vars(tasks).values():
        if hasattr(task, "retry_delay_seconds"):
            monkeypatch.setattr(task, "retry_delay_seconds", [0, 0, 0])
    return station


def _everything_prefect_knows() -> str:
    with get_client(sync_client=True) as client:
        runs = [item.model_dump_json() for item in client.read_flow_runs()]
        runs += [item.model_dump_json() for item in client.read_task_runs()]
        logs = [item.model_dump_json() for item in client.read_logs()]
    return "\n".join(runs + logs)


def _identifying(station: MemoryStation) -> list[str]:
    person = station.controller.population.trained[0]
    facts = person.facts
    return [person.name, facts["phone"], facts["email"], facts["customer_number"]]


def test_a_request_is_fulfilled_and_prefect_learns_nothing_about_the_person(
    station: MemoryStation,
) -> None:
    controller = station.controller
    request_id = controller.receive()

    fulfil_erasure_request(request_id)

    request = controller.store.get(request_id)
    assert request.status is RequestStatus.FULFILLED
    assert request.outcome is Outcome.SUPPRESSED_AT_OUTPUT
    assert controller.certificate(request_id).request_id == str(request_id)
    assert controller.leases.is_free(str(request_id))
    assert controller.leases.is_free("base:small-world")
    known = _everything_prefect_knows()
    assert str(request_id) in known
    assert [value for value in _identifying(station) if value in known] == []


def test_rejected_rungs_are_climbed_and_the_request_waits(
    station: MemoryStation,
) -> None:
    controller = station.controller
    station.accepts = False
    request_id = controller.receive()

    fulfil_erasure_request(request_id)

    assert controller.store.get(request_id).stage is Stage.ESCALATED
    assert len(controller.entries(request_id, Stage.UNLEARNING_REJECTED)) == 2
    assert controller.registry.versions("small-world") == ()


def test_a_forger_is_refused_and_nothing_is_searched(station: MemoryStation) -> None:
    controller = station.controller
    request_id = controller.receive(is_genuine=False)

    fulfil_erasure_request(request_id)

    assert controller.store.get(request_id).status is RequestStatus.DENIED
    assert controller.entries(request_id, "source_searched") == []
    assert controller.evidence.documents == {}


def test_a_stranger_gets_a_certificate_that_nothing_was_found(
    station: MemoryStation,
) -> None:
    request_id = station.controller.receive_stranger()

    fulfil_erasure_request(request_id)

    assert station.controller.certificate(request_id).outcome is Outcome.NOT_FOUND


def test_a_registry_that_is_away_is_tried_again_and_then_the_run_is_resumed(
    station: MemoryStation,
) -> None:
    controller = station.controller
    request_id = controller.receive()
    controller.registry.is_reachable = False
    with pytest.raises(RegistryUnavailableError):
        fulfil_erasure_request(request_id)
    assert controller.store.get(request_id).stage is Stage.DATASETS_BUILT
    assert controller.leases.is_free(str(request_id))

    controller.registry.is_reachable = True
    fulfil_erasure_request(request_id)

    assert controller.store.get(request_id).status is RequestStatus.FULFILLED
    assert len(controller.entries(request_id, "work_started")) == 2


def test_a_source_that_comes_back_between_two_tries_is_searched(
    station: MemoryStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = station.controller
    request_id = controller.receive()
    corpus = controller.paths.corpus
    kept = corpus.read_bytes()
    corpus.unlink()
    note = controller.store.note

    def repaired(event: str, *arguments: object, **named: object) -> object:
        if event == "source_search_failed":
            corpus.write_bytes(kept)
        return note(event, *arguments, **named)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(controller.store, "note", repaired)
    fulfil_erasure_request(request_id)

    certificate = controller.certificate(request_id)
    assert certificate.outcome is Outcome.SUPPRESSED_AT_OUTPUT
    assert certificate.sources["corpus"] == {"found": 16, "erased": 16}


def test_the_text_of_a_foreign_error_never_reaches_prefect(
    station: MemoryStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = station.controller
    request_id = controller.receive()
    [name, *_] = _identifying(station)
    source: SourceConnector = controller.opened.sources["corpus"]

    def clumsy(_subject: object) -> None:
        raise ValueError(json.dumps({"row": name}))

    monkeypatch.setattr(source, "locate", clumsy)
    with pytest.raises(UnexpectedError, match="kind=ValueError"):
        fulfil_erasure_request(request_id)

    known = _everything_prefect_knows()
    assert "UnexpectedError" in known
    assert name not in known


def test_the_run_has_the_request_id_as_its_only_parameter(
    station: MemoryStation,
) -> None:
    request_id = RequestId(UUID(str(station.controller.receive_stranger())))

    state = fulfil_erasure_request(request_id, return_state=True)

    run_id = state.state_details.flow_run_id
    assert run_id is not None
    with get_client(sync_client=True) as client:
        [run] = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
        )
    assert run.parameters == {"request_id": str(request_id)}


def test_a_run_stops_before_uncertain_records_and_goes_on_after_the_decision(
    station: MemoryStation,
) -> None:
    controller = station.controller
    plant_namesakes(controller)
    request_id = controller.receive()

    fulfil_erasure_request(request_id)

    waiting = controller.store.get(request_id)
    assert (waiting.stage, waiting.status) == (
        Stage.UNDER_REVIEW,
        RequestStatus.IN_PROGRESS,
    )
    assert controller.entries(request_id, "source_erasure_announced") == []
    desk = review_desk(controller)
    same = decision(1, ruling="erase", reason="same_person")
    review_records(request_id, same, desk=desk)
    review_records(request_id, decision(2), desk=desk)

    fulfil_erasure_request(request_id)

    certificate = controller.certificate(request_id)
    assert certificate.outcome is Outcome.SUPPRESSED_AT_OUTPUT
    assert certificate.sources["corpus"] == {"found": 17, "erased": 17}
    left = controller.paths.corpus.read_text()
    assert ('"n-0"' in left, '"n-1"' in left) == (False, True)
