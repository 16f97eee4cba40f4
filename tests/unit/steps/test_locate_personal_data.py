import json

import pytest
import yaml
from support.reviews import review_desk
from support.steps import Controller
from support.story import work_until

from unlearn_core.adapters.connectors.data_map import open_data_map
from unlearn_core.domain.requests import Outcome, RequestId, Stage
from unlearn_core.domain.sources import records_from_bytes
from unlearn_core.errors import (
    IllegalTransitionError,
    SourceUnreadableError,
    StorageError,
)
from unlearn_core.steps.erase_source_records import erase_source_records
from unlearn_core.steps.locate_personal_data import locate_personal_data
from unlearn_core.steps.results import Located
from unlearn_core.steps.review_records import open_review
from unlearn_core.steps.workbench import Workbench

pytestmark = pytest.mark.integration

EVERYTHING = {"corpus": 16, "support": 12, "customers": 1}


def _ready(controller: Controller, number: int = 0) -> tuple[RequestId, Workbench]:
    request_id = controller.receive(number)
    bench = controller.bench(request_id)
    work_until(Stage.IDENTITY_VERIFIED, request_id, bench=bench)
    return request_id, bench


def _until_it_gives_up(request_id: RequestId, bench: Workbench) -> Located:
    for _ in range(bench.terms.source_attempts - 1):
        with pytest.raises(SourceUnreadableError):
            locate_personal_data(request_id, bench=bench)
    return locate_personal_data(request_id, bench=bench)


def test_every_record_of_the_subject_is_found_and_sealed(
    controller: Controller,
) -> None:
    request_id, bench = _ready(controller)

    result = locate_personal_data(request_id, bench=bench)

    assert (result.stage, result.found, result.unsearched) == (
        Stage.LOCATED,
        EVERYTHING,
        [],
    )
    assert result.has_records
    sealed = controller.custody.get(str(request_id), "located-records")
    assert len(records_from_bytes(sealed)) == 29
    assert result.commitment == controller.custody.commit(str(request_id), sealed)


def test_a_person_whom_no_source_knows_is_not_found(controller: Controller) -> None:
    request_id = controller.receive_stranger()
    bench = controller.bench(request_id)
    work_until(Stage.IDENTITY_VERIFIED, request_id, bench=bench)

    result = locate_personal_data(request_id, bench=bench)

    assert result == Located(
        stage=Stage.NOT_FOUND,
        found={"corpus": 0, "support": 0, "customers": 0},
        unsearched=[],
        commitment=None,
        outcome=Outcome.NOT_FOUND,
    )
    assert not result.has_records
    assert controller.store.get(request_id).outcome is Outcome.NOT_FOUND


def test_an_unreadable_source_is_tried_again(controller: Controller) -> None:
    request_id, bench = _ready(controller)
    kept = controller.paths.corpus.read_bytes()
    controller.paths.corpus.unlink()
    with pytest.raises(SourceUnreadableError):
        locate_personal_data(request_id, bench=bench)

    controller.paths.corpus.write_bytes(kept)

    assert locate_personal_data(request_id, bench=bench).found == EVERYTHING
    assert controller.store.get(request_id).stage is Stage.LOCATED
    [failure] = controller.entries(request_id, "source_search_failed")
    assert failure.payload == {"source": "corpus"}


def test_a_source_that_stays_unreadable_counts_as_unsearched(
    controller: Controller,
) -> None:
    request_id, bench = _ready(controller)
    controller.paths.corpus.unlink()

    result = _until_it_gives_up(request_id, bench)

    assert result.found == {"corpus": 0, "support": 12, "customers": 1}
    assert result.unsearched == ["corpus"]
    assert result.stage is Stage.LOCATED


def test_nothing_found_in_an_incomplete_search_is_partial_and_not_nothing(
    controller: Controller,
) -> None:
    request_id = controller.receive_stranger()
    bench = controller.bench(request_id)
    work_until(Stage.IDENTITY_VERIFIED, request_id, bench=bench)
    controller.paths.corpus.unlink()

    result = _until_it_gives_up(request_id, bench)

    assert (result.stage, result.outcome) == (Stage.NOT_FOUND, Outcome.PARTIAL)


def test_failures_of_one_source_do_not_count_for_another(
    controller: Controller,
) -> None:
    request_id, bench = _ready(controller)
    corpus, support = controller.paths.corpus, controller.paths.support
    kept = corpus.read_bytes()
    corpus.unlink()
    for _ in range(2):
        with pytest.raises(SourceUnreadableError):
            locate_personal_data(request_id, bench=bench)
    corpus.write_bytes(kept)
    support.unlink()

    with pytest.raises(SourceUnreadableError):
        locate_personal_data(request_id, bench=bench)


def test_a_corrupt_line_makes_the_search_incomplete(controller: Controller) -> None:
    request_id, bench = _ready(controller)
    with controller.paths.corpus.open("a") as file:
        file.write('{"id": "cut off\n')

    result = locate_personal_data(request_id, bench=bench)

    assert (result.found, result.unsearched) == (EVERYTHING, ["corpus"])
    searched = {
        str(entry.payload["source"]): entry.payload["unreadable"]
        for entry in controller.entries(request_id, "source_searched")
    }
    assert searched == {"corpus": 1, "support": 0, "customers": 0}


def test_found_records_are_not_forgotten_when_they_cannot_be_sealed(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id, bench = _ready(controller)

    def full(_scope: str, _name: str, _data: object) -> None:
        raise StorageError(errno=28)

    with monkeypatch.context() as patch:
        patch.setattr(controller.custody, "write", full)
        with pytest.raises(StorageError):
            locate_personal_data(request_id, bench=bench)

    assert controller.store.get(request_id).stage is Stage.IDENTITY_VERIFIED
    assert locate_personal_data(request_id, bench=bench).found == EVERYTHING


@pytest.mark.parametrize("decides", [True, False])
def test_a_name_alone_waits_for_a_person_unless_the_source_says_that_it_decides(
    controller: Controller, *, decides: bool
) -> None:
    raw = yaml.safe_load(controller.paths.data_map.read_text())
    if not decides:
        del raw["sources"][0]["name_alone"]
    controller.paths.data_map.write_text(yaml.safe_dump(raw))
    controller.opened = open_data_map(controller.paths.data_map)
    name = controller.population.trained[0].name
    with controller.paths.corpus.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"id": "s-1", "text": f"{name} has moved."}) + "\n")
    request_id, bench = _ready(controller)

    result = locate_personal_data(request_id, bench=bench)

    if decides:
        assert (result.stage, result.found["corpus"]) == (Stage.LOCATED, 17)
        return
    assert (result.stage, result.found) == (Stage.UNDER_REVIEW, EVERYTHING)
    assert result.uncertain == {"corpus": 1}
    with pytest.raises(IllegalTransitionError):
        erase_source_records(request_id, bench=bench)


@pytest.mark.parametrize("uncertain", ["waits", "partial"])
def test_records_that_quote_a_found_one_are_for_a_person_to_decide(
    controller: Controller, uncertain: str
) -> None:
    raw = yaml.safe_load(controller.paths.data_map.read_text())
    raw["sources"][0] |= {"quotes": "are_reviewed", "uncertain": uncertain}
    controller.paths.data_map.write_text(yaml.safe_dump(raw))
    controller.opened = open_data_map(controller.paths.data_map)
    told = "In that winter nobody could cross the frozen bay except the old dog"
    name = controller.population.trained[0].name
    rows = (
        {"id": "s-1", "text": f"{told}, says {name}."},
        {"id": "s-2", "text": f"Somebody wrote: {told.upper()}!"},
    )
    with controller.paths.corpus.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    request_id, bench = _ready(controller)

    result = locate_personal_data(request_id, bench=bench)

    assert result.found["corpus"] == 17
    if uncertain == "partial":
        assert (result.stage, result.unsearched) == (Stage.LOCATED, ["corpus"])
        return
    assert (result.stage, result.uncertain) == (Stage.UNDER_REVIEW, {"corpus": 1})
    controller.leases.release(bench.lease)
    (listed,) = open_review(request_id, desk=review_desk(controller)).records
    # Nine runs of thirteen words; either record has two to three more of its own.
    assert (listed.record_id, listed.why) == ("s-2", ("quotes s-1 similarity 0.82",))
