import pytest
from support.steps import Controller
from support.story import work_until

from unlearn_core.domain.requests import Outcome, RequestId, Stage
from unlearn_core.domain.sources import records_from_bytes
from unlearn_core.errors import SourceUnreadableError, StorageError
from unlearn_core.steps.locate_personal_data import locate_personal_data
from unlearn_core.steps.results import Located
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

    def full(_scope: str, _name: str, _data: bytes) -> None:
        raise StorageError(errno=28)

    with monkeypatch.context() as patch:
        patch.setattr(controller.custody, "put", full)
        with pytest.raises(StorageError):
            locate_personal_data(request_id, bench=bench)

    assert controller.store.get(request_id).stage is Stage.IDENTITY_VERIFIED
    assert locate_personal_data(request_id, bench=bench).found == EVERYTHING
