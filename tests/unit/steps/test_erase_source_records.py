import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from support.steps import Controller, open_controller, subject_of
from support.story import work_until

from unlearn_core.adapters.connectors.data_map import open_data_map
from unlearn_core.domain.exemptions import Kept
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.sources import SearchResult, SourceRecord
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import (
    LeaseLostError,
    SourceChangedError,
    SourceUnreadableError,
)
from unlearn_core.ports import SourceConnector
from unlearn_core.steps.erase_source_records import erase_source_records
from unlearn_core.steps.located import read_located
from unlearn_core.steps.results import SourcesErased
from unlearn_core.steps.workbench import Workbench

pytestmark = pytest.mark.integration


Records = tuple[SourceRecord, ...]


class _Finding:
    """A source in which a search finds something else than is there."""

    def __init__(
        self, source: SourceConnector, change: Callable[[Records], Records]
    ) -> None:
        self.describe = source.describe
        self._source, self._change = source, change

    def locate(self, subject: DataSubject) -> SearchResult:
        """Find."""
        found = self._source.locate(subject)
        return replace(found, records=self._change(found.records))


def _ready(
    controller: Controller, change: Callable[[Records], Records] = tuple
) -> tuple[RequestId, Workbench]:
    """Return a request whose records are located, after a change of the corpus's."""
    request_id = controller.receive()
    bench = controller.bench(request_id)
    corpus = _Finding(bench.sources["corpus"], change)
    sources: dict[str, object] = {**bench.sources, "corpus": corpus}
    searching = replace(bench, sources=sources)  # type: ignore[arg-type]  # as much of a source as a search uses
    work_until(Stage.LOCATED, request_id, bench=searching)
    return request_id, bench


def test_located_records_are_gone_and_nobody_elses(controller: Controller) -> None:
    subject, neighbour = controller.population.trained[:2]
    request_id, bench = _ready(controller)

    result = erase_source_records(request_id, bench=bench)

    assert result == SourcesErased(
        erased={"corpus": 16, "support": 12, "customers": 1}, kept=[]
    )
    for source in controller.opened.sources.values():
        assert source.locate(subject_of(subject)).records == ()
        assert source.locate(subject_of(neighbour)).records != ()


def test_the_intention_is_announced_before_each_source(controller: Controller) -> None:
    request_id, bench = _ready(controller)

    erase_source_records(request_id, bench=bench)

    announced = controller.entries(request_id, "source_erasure_announced")
    assert [dict(entry.payload) for entry in announced] == [
        {"source": "corpus", "records": 16},
        {"source": "support", "records": 12},
        {"source": "customers", "records": 1},
    ]
    assert {entry.fencing_token for entry in announced} == {bench.lease.token}


@pytest.mark.parametrize(
    ("exemption", "code"),
    [
        (None, "not_erasable"),
        ({"ground": "archiving", "reasoning": "The state archive."}, "archiving"),
    ],
)
def test_a_source_that_may_not_be_erased_keeps_its_records(
    tmp_path: Path, exemption: dict[str, str] | None, code: str
) -> None:
    controller = open_controller(tmp_path)
    raw = yaml.safe_load(controller.paths.data_map.read_text())
    raw["sources"][0] |= {"erasable": False, "exemption": exemption}
    controller.paths.data_map.write_text(yaml.safe_dump(raw))
    controller.opened = open_data_map(controller.paths.data_map)
    before = controller.paths.corpus.read_bytes()
    request_id, bench = _ready(controller)

    result = erase_source_records(request_id, bench=bench)

    assert result == SourcesErased(
        erased={"support": 12, "customers": 1},
        kept=["corpus"],
        staying={"corpus": {code: 16}},
    )
    assert controller.paths.corpus.read_bytes() == before


def test_an_erasure_that_was_interrupted_is_completed_with_the_located_count(
    controller: Controller,
) -> None:
    request_id, bench = _ready(controller)
    kept = controller.paths.customers.read_bytes()
    controller.paths.customers.write_bytes(b"")
    with pytest.raises(SourceUnreadableError):
        erase_source_records(request_id, bench=bench)
    controller.paths.customers.write_bytes(kept)

    result = erase_source_records(request_id, bench=bench)

    # Corpus and support were emptied by the first attempt already.
    assert result.erased == {"corpus": 16, "support": 12, "customers": 1}


class _Obstinate:
    """A source that says that it has erased and has not."""

    def __init__(self, source: SourceConnector) -> None:
        self.describe = source.describe
        self.confirm_absent = source.confirm_absent

    def erase(self, record_ids: list[str], *, dry_run: bool) -> int:
        """Erase nothing."""
        del dry_run
        return len(record_ids)


def test_records_that_are_still_there_are_not_reported_as_erased(
    controller: Controller,
) -> None:
    request_id, bench = _ready(controller)
    obstinate = _Obstinate(bench.sources["corpus"])
    sources: dict[str, object] = {**bench.sources, "corpus": obstinate}

    with pytest.raises(SourceUnreadableError, match="still there"):
        erase_source_records(request_id, bench=replace(bench, sources=sources))  # type: ignore[arg-type]  # as much of a source as the step uses

    assert controller.store.get(request_id).stage is Stage.LOCATED


def test_nothing_is_erased_when_the_lease_is_lost_on_the_way(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id, bench = _ready(controller)
    before = controller.paths.corpus.read_bytes()
    get = controller.custody.get

    def taken_over(scope: str, name: str) -> bytes:
        controller.lose(bench)
        return get(scope, name)

    monkeypatch.setattr(controller.custody, "get", taken_over)
    with pytest.raises(LeaseLostError):
        erase_source_records(request_id, bench=bench)

    assert controller.paths.corpus.read_bytes() == before


def test_a_record_that_stays_in_one_version_stays_in_all(
    controller: Controller,
) -> None:
    def with_held(found: Records) -> Records:
        held = replace(found[0], is_held=True, exemption=Kept.LEGAL_OBLIGATION)
        return (*found, held)

    request_id, bench = _ready(controller, with_held)
    first, *_ = read_located(request_id, bench=bench)

    result = erase_source_records(request_id, bench=bench)

    assert (result.erased["corpus"], result.held) == (15, {"corpus": 2})
    assert result.staying == {"corpus": {"legal_obligation": 2}}
    assert f'"{first.record_id}"' in controller.paths.corpus.read_text(encoding="utf-8")


def test_a_record_whose_identifier_another_one_has_stays(
    controller: Controller,
) -> None:
    request_id, bench = _ready(controller)
    first, *_ = read_located(request_id, bench=bench)
    stranger = json.dumps({"id": first.record_id, "text": "about nobody"}) + "\n"
    with controller.paths.corpus.open("a", encoding="utf-8") as corpus:
        corpus.write(stranger)

    result = erase_source_records(request_id, bench=bench)

    assert (result.erased["corpus"], result.held) == (15, {"corpus": 1})
    assert result.staying == {"corpus": {"shared_identifier": 1}}
    assert stranger in controller.paths.corpus.read_text(encoding="utf-8")


def _redacting(tmp_path: Path) -> Controller:
    """Return a controller whose corpus is redacted."""
    controller = open_controller(tmp_path)
    raw = yaml.safe_load(controller.paths.data_map.read_text())
    raw["sources"][0]["erasure"] = "redact"
    controller.paths.data_map.write_text(yaml.safe_dump(raw))
    controller.opened = open_data_map(controller.paths.data_map)
    return controller


def test_a_source_that_says_so_keeps_its_records_without_the_subject(
    tmp_path: Path,
) -> None:
    controller = _redacting(tmp_path)
    subject = controller.population.trained[0]
    lines = controller.paths.corpus.read_bytes().count(b"\n")
    request_id, bench = _ready(controller)

    result = erase_source_records(request_id, bench=bench)

    assert result == SourcesErased(
        erased={"corpus": 0, "support": 12, "customers": 1},
        redacted={"corpus": 16},
        kept=[],
    )
    after = controller.paths.corpus.read_text(encoding="utf-8")
    assert after.count("\n") == lines
    assert subject.name not in after
    found = controller.opened.sources["corpus"].locate(subject_of(subject))
    assert (found.records, found.doubtful) == ((), ())
    announced = controller.entries(request_id, "source_erasure_announced")
    assert announced[0].payload == {"source": "corpus", "records": 0, "redacted": 16}


def test_a_record_without_an_identifier_is_deleted_where_others_are_redacted(
    tmp_path: Path,
) -> None:
    """It quotes one of the subject's, so there is nothing in it to redact."""
    controller = _redacting(tmp_path)
    request_id, bench = _ready(
        controller, lambda found: (replace(found[0], is_redacted=False), *found[1:])
    )
    first, *_ = read_located(request_id, bench=bench)

    result = erase_source_records(request_id, bench=bench)

    assert (result.erased["corpus"], result.redacted) == (1, {"corpus": 15})
    text = controller.paths.corpus.read_text(encoding="utf-8")
    assert f'"{first.record_id}"' not in text


class _Otherwise:
    """A source that does something else than its trial has said."""

    def __init__(self, source: SourceConnector, *, tried: int, done: int) -> None:
        self.describe = source.describe
        self._said = {True: tried, False: done}

    def erase(self, record_ids: list[str], *, dry_run: bool) -> int:
        """Say a number."""
        del record_ids
        return self._said[dry_run]


@pytest.mark.parametrize(("tried", "done"), [(16, 15), (17, 17), (0, 1)])
def test_what_is_done_is_compared_with_the_trial(
    controller: Controller, tried: int, done: int
) -> None:
    request_id, bench = _ready(controller)
    odd = _Otherwise(bench.sources["corpus"], tried=tried, done=done)
    sources: dict[str, object] = {**bench.sources, "corpus": odd}

    with pytest.raises(SourceChangedError):
        erase_source_records(request_id, bench=replace(bench, sources=sources))  # type: ignore[arg-type]  # as much of a source as the step uses

    assert controller.store.get(request_id).stage is Stage.LOCATED
