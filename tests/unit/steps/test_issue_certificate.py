from dataclasses import replace
from datetime import timedelta

import pytest
from support.steps import Controller
from support.story import work_until

from unlearn_core.adapters.memory.delivery import MemoryFleet
from unlearn_core.domain.canonical import digest_of
from unlearn_core.domain.certificates import certificate_name
from unlearn_core.domain.requests import Outcome, RequestId, Stage
from unlearn_core.errors import StorageError
from unlearn_core.steps.issue_certificate import issue_certificate
from unlearn_core.steps.purge_working_data import purge_working_data
from unlearn_core.steps.workbench import Workbench

pytestmark = pytest.mark.integration


def _purged(controller: Controller) -> tuple[RequestId, Workbench]:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.PURGED, request_id, bench=bench)
    return request_id, bench


def test_the_certificate_says_what_the_ledger_says(controller: Controller) -> None:
    request_id, bench = _purged(controller)

    result = issue_certificate(request_id, bench=bench)

    certificate = controller.certificate(request_id)
    [built] = controller.entries(request_id, Stage.DATASETS_BUILT)
    [verified] = controller.entries(request_id, Stage.UNLEARNING_VERIFIED)
    [purged] = controller.entries(request_id, Stage.PURGED)
    assert certificate.request_id == str(request_id)
    assert certificate.outcome is Outcome.SUPPRESSED_AT_OUTPUT
    assert certificate.due_on == "2026-04-02"
    assert certificate.sources == {
        "corpus": {"found": 16, "erased": 16},
        "support": {"found": 12, "erased": 12},
        "customers": {"found": 1, "erased": 1},
    }
    assert certificate.unsearched_sources == ()
    assert certificate.forget_set == built.payload["forget_set"]
    assert certificate.verdict == verified.payload["verdict"]
    assert list(certificate.metrics) == verified.payload["results"]
    assert certificate.key_destruction["key"] == purged.payload["key"]
    assert certificate.ledger_head == purged.entry_hash
    assert certificate.issued_at == purged.recorded_at
    assert certificate.expires_at == purged.recorded_at + timedelta(days=90)
    assert result.certificate == certificate_name(request_id)
    assert result.digest == digest_of(controller.evidence.documents[result.certificate])


def test_the_scope_names_version_and_replicas(controller: Controller) -> None:
    request_id, bench = _purged(controller)

    issue_certificate(request_id, bench=bench)

    scope = controller.certificate(request_id).scope
    [registered] = controller.registry.versions("small-world")
    assert scope is not None
    assert scope.base_model == "small-world"
    assert scope.registered_model == "offset-pair.small-world"
    assert (scope.version, scope.sequence) == ("1", 1)
    assert scope.manifest == registered.manifest
    assert scope.replicas == ("replica-1",)
    assert scope.effective_at == controller.clock.now()


def test_the_scope_names_replicas_of_best_effort(controller: Controller) -> None:
    request_id = controller.receive()
    fleet = MemoryFleet(["near", "far"])
    bench = replace(controller.bench(request_id), fleet=fleet)
    work_until(Stage.PROMOTED, request_id, bench=bench)
    fleet.serve("near", version="1", sequence=1)
    fleet.serve("far", version="1", sequence=1, is_best_effort=True)
    work_until(Stage.CERTIFIED, request_id, bench=bench)

    scope = controller.certificate(request_id).scope
    assert scope is not None
    assert (scope.replicas, scope.best_effort) == (("near", "far"), ("far",))


def test_a_certificate_written_again_is_the_same_to_the_byte(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id, bench = _purged(controller)

    def die(*_arguments: object, **_named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(controller.store, "advance", die)
        with pytest.raises(KeyboardInterrupt):
            issue_certificate(request_id, bench=bench)
    first = dict(controller.evidence.documents)

    issue_certificate(request_id, bench=controller.lose(bench))

    assert controller.evidence.documents == first


def test_a_certificate_that_cannot_be_stored_is_not_recorded(
    controller: Controller,
) -> None:
    request_id, bench = _purged(controller)
    controller.evidence.is_reachable = False
    with pytest.raises(StorageError):
        issue_certificate(request_id, bench=bench)
    assert controller.store.get(request_id).stage is Stage.PURGED

    controller.evidence.is_reachable = True

    assert issue_certificate(request_id, bench=bench).stage is Stage.CERTIFIED


def test_that_nothing_was_found_is_attested_too(controller: Controller) -> None:
    request_id = controller.receive_stranger()
    bench = controller.bench(request_id)
    work_until(Stage.LOCATED, request_id, bench=bench)
    purge_working_data(request_id, bench=bench)

    issue_certificate(request_id, bench=bench)

    certificate = controller.certificate(request_id)
    assert certificate.outcome is Outcome.NOT_FOUND
    assert (certificate.scope, certificate.forget_set) == (None, None)
    assert (certificate.verdict, certificate.metrics) == (None, ())
    assert certificate.sources["corpus"] == {"found": 0, "erased": 0}


def test_a_source_that_could_not_be_searched_is_named(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    bench = replace(bench, terms=replace(bench.terms, source_attempts=1))
    work_until(Stage.IDENTITY_VERIFIED, request_id, bench=bench)
    controller.paths.corpus.unlink()
    work_until(Stage.CERTIFIED, request_id, bench=bench)

    certificate = controller.certificate(request_id)

    assert certificate.outcome is Outcome.PARTIAL
    assert certificate.unsearched_sources == ("corpus",)
    assert certificate.scope is not None


def test_only_the_last_round_of_training_is_attested(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.UNLEARNING_VERIFIED, request_id, bench=bench)
    controller.store.advance(request_id, Stage.OVERTAKEN, {}, lease=bench.lease)
    work_until(Stage.CERTIFIED, request_id, bench=bench)

    _, last = controller.entries(request_id, Stage.UNLEARNING_VERIFIED)

    assert controller.certificate(request_id).verdict == last.payload["verdict"]
