from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.steps import Controller, policy_that
from support.story import work_until

from unlearn_core.domain.canonical import digest_of
from unlearn_core.domain.datasets import from_bytes, to_bytes
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.errors import CommitmentBrokenError
from unlearn_core.steps import commitment
from unlearn_core.steps.commitment import (
    ROUND_COMMITTED,
    check_commitment,
    commit_round,
)
from unlearn_core.steps.train_offset_pair import train_offset_pair
from unlearn_core.steps.verify_unlearning import verify_unlearning
from unlearn_core.steps.workbench import Workbench
from unlearn_core.verification import judge
from unlearn_core.verification.sources import attacks_digest

pytestmark = pytest.mark.integration

PARTS = (
    "probe_set",
    "policy",
    "policy_version",
    "probe_families",
    "judge",
    "attacks",
    "public_questions",
    "verification_seed",
)


def _built(controller: Controller) -> tuple[RequestId, Workbench, bytes]:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.DATASETS_BUILT, request_id, bench=bench)
    return request_id, bench, controller.custody.get(str(request_id), "datasets")


def test_everything_is_in_the_ledger_before_the_first_training(
    controller: Controller,
) -> None:
    request_id, bench, sealed = _built(controller)
    train_offset_pair(request_id, bench=bench, rung=0)

    events = [entry.event for entry in controller.store.entries(request_id)]
    (entry,) = controller.entries(request_id, Stage.DATASETS_BUILT)

    assert events.index("datasets_built") < events.index("training_run_started")
    assert {name: entry.payload[name] for name in PARTS} == {
        "probe_set": controller.custody.commit(str(request_id), sealed),
        "policy": policy_that(accepts=True).digest,
        "policy_version": "test",
        # No family is named, so none is committed to.
        "probe_families": digest_of(b'{"families":{},"questions":{}}'),
        "judge": digest_of(Path(str(judge.__file__)).read_bytes()),
        "attacks": attacks_digest(),
        # None are asked.
        "public_questions": digest_of(b"{}"),
        "verification_seed": 0,
    }
    assert controller.entries(request_id, ROUND_COMMITTED) == []


def _one_probe_less(controller: Controller, request_id: RequestId) -> None:
    sets = from_bytes(controller.custody.get(str(request_id), "datasets"))
    fewer = to_bytes(replace(sets, probes=sets.probes[1:]))
    controller.custody.put(str(request_id), "datasets", fewer)


Change = Callable[[Controller, RequestId, pytest.MonkeyPatch], object]
CHANGES: dict[str, Change] = {
    "probe_set": lambda controller, request_id, _: _one_probe_less(
        controller, request_id
    ),
    "probe_families": lambda _, __, patch: patch.setattr(
        commitment, "families_digest", lambda _names, **_: digest_of(b"kinder words")
    ),
    "judge": lambda _, __, patch: patch.setattr(
        commitment, "judge_digest", lambda: digest_of(b"a kinder judge")
    ),
    "attacks": lambda _, __, patch: patch.setattr(
        commitment, "attacks_digest", lambda: digest_of(b"a kinder attack")
    ),
    "public_questions": lambda _, __, patch: patch.setattr(
        commitment, "questions_digest", lambda _asked: digest_of(b"easier questions")
    ),
    "verification_seed": lambda _, __, patch: patch.setattr(
        commitment, "VERIFICATION_SEED", 1
    ),
}


@pytest.mark.parametrize("part", CHANGES)
def test_nothing_may_change_between_commitment_and_verification(
    controller: Controller, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    request_id, bench, _ = _built(controller)
    train_offset_pair(request_id, bench=bench, rung=0)
    CHANGES[part](controller, request_id, monkeypatch)

    with pytest.raises(CommitmentBrokenError, match=f"part={part}"):
        verify_unlearning(request_id, bench=bench, rung=0)

    assert controller.store.get(request_id).stage is Stage.TRAINED


def test_a_kinder_policy_does_not_judge_a_pair_that_is_there_already(
    controller: Controller,
) -> None:
    request_id, bench, _ = _built(controller)
    train_offset_pair(request_id, bench=bench, rung=0)
    kinder = replace(bench, policy=policy_that(accepts=False))

    with pytest.raises(CommitmentBrokenError, match="part=policy"):
        verify_unlearning(request_id, bench=kinder, rung=0)


def test_another_round_commits_anew_before_it_trains(controller: Controller) -> None:
    request_id, bench, sealed = _built(controller)
    controller.store.advance(request_id, Stage.ESCALATED, {}, lease=bench.lease)
    controller.store.advance(request_id, Stage.RETRIED, {}, lease=bench.lease)
    other = replace(bench, policy=policy_that(accepts=False))
    with pytest.raises(CommitmentBrokenError, match="part=round"):
        check_commitment(request_id, sealed, bench=other)

    commit_round(request_id, sealed, bench=other)
    commit_round(request_id, sealed, bench=other)

    check_commitment(request_id, sealed, bench=other)
    (entry,) = controller.entries(request_id, ROUND_COMMITTED)
    assert sorted(entry.payload) == sorted(PARTS)
    assert entry.payload["policy"] == policy_that(accepts=False).digest
    with pytest.raises(CommitmentBrokenError, match="part=policy"):
        check_commitment(request_id, sealed, bench=bench)


def test_another_round_asks_the_same_questions(controller: Controller) -> None:
    request_id, bench, _ = _built(controller)
    controller.store.advance(request_id, Stage.ESCALATED, {}, lease=bench.lease)
    controller.store.advance(request_id, Stage.RETRIED, {}, lease=bench.lease)
    _one_probe_less(controller, request_id)

    with pytest.raises(CommitmentBrokenError, match="part=probe_set"):
        train_offset_pair(request_id, bench=bench, rung=0)

    assert controller.entries(request_id, "training_run_started") == []
