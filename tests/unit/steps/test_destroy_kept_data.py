from datetime import timedelta

import pytest
from support.renewals import fulfil
from support.steps import Controller

from unlearn_core.domain.standing import DESTROYED
from unlearn_core.domain.verdicts import Reverification
from unlearn_core.errors import KeyDestroyedError, LeaseLostError
from unlearn_core.steps import scopes
from unlearn_core.steps.destroy_kept_data import destroy_kept_data

pytestmark = pytest.mark.integration

KEPT = Reverification(evaluation_set_days=180, fingerprint_days=365)


def test_everything_is_destroyed_on_its_day_with_proof_in_the_ledger(
    controller: Controller,
) -> None:
    request_id = fulfil(controller, kept=KEPT)
    bench = controller.certificate_bench()
    controller.clock.move(timedelta(days=179))
    bench = controller.lose(bench)
    assert destroy_kept_data(request_id, bench=bench).materials == []
    assert controller.custody.has(scopes.evaluation(request_id), scopes.QUESTIONS)

    controller.clock.move(timedelta(days=1))
    lost, bench = bench, controller.lose(bench)
    with pytest.raises(LeaseLostError):
        destroy_kept_data(request_id, bench=lost)
    done = destroy_kept_data(request_id, bench=bench)

    assert done.materials == ["evaluation_set"]
    with pytest.raises(KeyDestroyedError):
        controller.custody.get(scopes.evaluation(request_id), scopes.QUESTIONS)
    assert controller.custody.has(scopes.fingerprints(request_id), scopes.VALUES)
    (entry,) = controller.entries(request_id, DESTROYED)
    assert sorted(entry.payload) == ["destroyed_at", "key", "material", "objects"]
    assert entry.payload["material"] == "evaluation_set"
    # The policy and the questions.
    assert entry.payload["objects"] == 2
    assert str(entry.payload["key"]).startswith("sha256:")
    assert destroy_kept_data(request_id, bench=bench).materials == []

    controller.clock.move(timedelta(days=185))
    bench = controller.lose(bench)
    assert destroy_kept_data(request_id, bench=bench).materials == ["fingerprints"]
    assert not controller.custody.has(scopes.fingerprints(request_id), scopes.VALUES)
