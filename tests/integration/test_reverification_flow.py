"""The scheduled look at certificates, told to a real Prefect server."""

from datetime import timedelta
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from support.renewals import fulfil
from support.stations import MemoryStation
from support.steps import open_controller

from flows import work
from flows.reverification import reverify_certificates
from unlearn_core.domain.certificates import CertificateStatus
from unlearn_core.domain.standing import DESTROYED, REVERIFIED
from unlearn_core.domain.verdicts import Reverification
from unlearn_core.steps import scopes

KEPT = Reverification(every_days=30, evaluation_set_days=60, fingerprint_days=200)


@pytest.mark.integration
@pytest.mark.usefixtures("prefect_server")
def test_certificates_are_renewed_and_what_was_kept_is_destroyed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = open_controller(tmp_path)
    station = MemoryStation(controller=controller)
    monkeypatch.setattr(work, "open_station", station.opened)
    kept, plain = fulfil(controller, kept=KEPT), fulfil(controller, 1)
    desk = controller.desk().certificates

    # Another version is served since; the set is asked of it.
    assert [state.type for state in reverify_certificates()] == ["COMPLETED"]
    renewed = desk.standing(kept)
    assert renewed is not None
    assert (renewed.status, renewed.reverifications) == (CertificateStatus.VALID, 1)
    assert reverify_certificates() == []

    # The set has outlived its day; fingerprints go on, of the same version.
    controller.clock.move(timedelta(days=60))
    states = reverify_certificates()
    assert [state.type for state in states] == ["COMPLETED", "COMPLETED"]
    assert not controller.custody.has(scopes.evaluation(kept), scopes.QUESTIONS)
    assert len(controller.entries(kept, DESTROYED)) == 1
    (_, second) = controller.entries(kept, REVERIFIED)
    assert second.payload["material"] == "fingerprints"

    # Nothing was kept of the other, and nothing can be asked.
    assert controller.entries(plain, REVERIFIED) == []


@pytest.mark.integration
@pytest.mark.usefixtures("prefect_server")
def test_a_look_that_cannot_be_made_marks_the_run_and_names_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = open_controller(tmp_path)
    station = MemoryStation(controller=controller)
    monkeypatch.setattr(work, "open_station", station.opened)
    first = fulfil(controller, kept=KEPT)
    second = fulfil(controller, 1, kept=KEPT)
    scope = scopes.evaluation(first)
    controller.custody.put(scope, scopes.QUESTIONS, b'{"probes": [], "families": []}')
    controller.clock.move(timedelta(days=30))

    state = reverify_certificates(return_state=True)

    assert state.type == "FAILED"
    assert len(controller.entries(first, REVERIFIED)) == 0
    assert len(controller.entries(second, REVERIFIED)) == 1
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs()
    told = " ".join(f"{run.name} {run.state}" for run in runs)
    assert "commitment_broken" in told or "committed to" in told
    names = [person.name for person in controller.population.trained]
    assert not [name for name in names if name in told]
