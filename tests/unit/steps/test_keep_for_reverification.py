from dataclasses import replace
from datetime import timedelta

import pytest
from support.renewals import lasting_policy
from support.steps import Controller
from support.story import work_until

from unlearn_core.domain.canonical import digest_of
from unlearn_core.domain.evaluation import EvaluationSet
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.standing import ARRANGED
from unlearn_core.domain.verdicts import AcceptancePolicy, Reverification
from unlearn_core.errors import KeyDestroyedError, LeaseLostError
from unlearn_core.steps import commitment, scopes
from unlearn_core.steps.keep_for_reverification import keep_for_reverification
from unlearn_core.steps.purge_working_data import purge_working_data
from unlearn_core.steps.workbench import Workbench
from unlearn_core.verification.fingerprints import Fingerprints
from unlearn_core.verification.policy import policy_from_bytes

pytestmark = pytest.mark.integration

BOTH = Reverification(every_days=7, evaluation_set_days=180, fingerprint_days=365)
NOTHING = Reverification()


def _served(
    controller: Controller, policy: AcceptancePolicy
) -> tuple[RequestId, Workbench]:
    request_id = controller.receive()
    bench = replace(controller.bench(request_id), policy=policy)
    work_until(Stage.SERVING_CONFIRMED, request_id, bench=bench)
    return request_id, bench


def test_nothing_is_kept_unless_the_policy_says_so(controller: Controller) -> None:
    request_id, bench = _served(controller, lasting_policy(NOTHING))

    found = keep_for_reverification(request_id, bench=bench)

    assert (found.evaluation_set_until, found.fingerprints_until) == (None, None)
    assert not controller.custody.has(scopes.evaluation(request_id), "questions")
    assert not controller.custody.has(scopes.fingerprints(request_id), "values")
    (entry,) = controller.entries(request_id, ARRANGED)
    assert entry.payload["evaluation_set_until"] is None


def test_what_is_kept_outlives_the_purge_under_keys_of_its_own(
    controller: Controller,
) -> None:
    request_id, bench = _served(controller, lasting_policy(BOTH))
    now = controller.clock.now()

    found = keep_for_reverification(request_id, bench=bench)
    purge_working_data(request_id, bench=bench)

    assert found.every_days == 7
    assert found.evaluation_set_until == now + timedelta(days=180)
    assert found.fingerprints_until == now + timedelta(days=365)
    scope = scopes.evaluation(request_id)
    kept = controller.custody.get(scope, "policy")
    questions = controller.custody.get(scope, "questions")
    assert found.commitment == controller.custody.commit(scope, kept + questions)
    evaluation_set = EvaluationSet.from_bytes(questions)
    assert found.probes == len(evaluation_set.probes)
    person = controller.population.trained[0]
    assert person.name in evaluation_set.probes[0].example.prompt.reveal()
    # The gate about people who stay is not among those that are asked again.
    assert found.gates == ["G2-greedy", "G4-strangers-low"]
    policy = policy_from_bytes(kept)
    assert [gate.name for gate in policy.gates] == found.gates
    assert policy.digest == lasting_policy(BOTH).digest
    values = Fingerprints.from_bytes(
        controller.custody.get(scopes.fingerprints(request_id), "values")
    )
    assert found.values == len(values.values) == 3
    assert values.occur_in(f"It is {person.facts['phone']}.")
    assert not values.occur_in(f"in {person.facts['city']}")
    with pytest.raises(KeyDestroyedError):
        controller.custody.get(scopes.working(request_id), scopes.DATASETS)


def test_what_is_kept_is_kept_once(controller: Controller) -> None:
    request_id, bench = _served(controller, lasting_policy(BOTH))
    first = keep_for_reverification(request_id, bench=bench)
    controller.clock.move(timedelta(days=1))
    bench = controller.lose(bench)

    again = keep_for_reverification(
        request_id, bench=replace(bench, policy=lasting_policy(NOTHING))
    )

    assert again == first
    assert len(controller.entries(request_id, ARRANGED)) == 1


def test_a_policy_that_was_changed_since_keeps_nothing(controller: Controller) -> None:
    request_id, bench = _served(controller, lasting_policy(NOTHING))
    greedy = replace(lasting_policy(BOTH), digest=digest_of(b"greedy"))

    found = keep_for_reverification(request_id, bench=replace(bench, policy=greedy))

    assert (found.obstacle, found.probes, found.values) == ("policy", 0, 0)
    assert not controller.custody.has(scopes.evaluation(request_id), "questions")


def test_another_judge_is_no_judge_of_what_was_committed_to(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id, bench = _served(controller, lasting_policy(BOTH))
    monkeypatch.setattr(commitment, "judge_digest", lambda: "sha256:kinder")

    assert keep_for_reverification(request_id, bench=bench).obstacle == "judge"


def test_after_the_purge_there_is_nothing_to_keep(controller: Controller) -> None:
    """A request that an earlier version purged is concluded all the same."""
    request_id, bench = _served(controller, lasting_policy(BOTH))
    purge_working_data(request_id, bench=bench)

    found = keep_for_reverification(request_id, bench=bench)

    assert found.evaluation_set_until is None
    assert controller.entries(request_id, ARRANGED) == []


def test_a_worker_that_lost_its_lease_keeps_nothing(controller: Controller) -> None:
    request_id, bench = _served(controller, lasting_policy(BOTH))
    controller.lose(bench)

    with pytest.raises(LeaseLostError):
        keep_for_reverification(request_id, bench=bench)

    assert not controller.custody.has(scopes.evaluation(request_id), "questions")
