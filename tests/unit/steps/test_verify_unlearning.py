import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from support.steps import Controller, policy_that
from support.story import work_until

from unlearn_core.domain.canonical import digest_of
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.verdicts import AcceptancePolicy, MetricResult
from unlearn_core.errors import RegistryUnavailableError, TooFewControlsError
from unlearn_core.metrics.base import Evidence
from unlearn_core.modeling.laws import NextTokenLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.steps.verify_unlearning import _Reporter, verify_unlearning
from unlearn_core.steps.workbench import Workbench
from unlearn_core.verification import suite
from unlearn_core.verification.attacks import Artifact
from unlearn_core.verification.evidence import Interrogation
from unlearn_core.verification.page import draw_page
from unlearn_core.verification.public_questions import PublicQuestions
from unlearn_core.verification.report import read_report, report_name
from unlearn_core.verification.suite import Verification

pytestmark = pytest.mark.integration

Compute = Callable[[str, Evidence], MetricResult | None]


def _ready(controller: Controller, *, accepts: bool) -> tuple[RequestId, Workbench]:
    request_id = controller.receive()
    bench = controller.bench(request_id, accepts=accepts)
    work_until(Stage.TRAINED, request_id, bench=bench)
    return request_id, bench


def test_a_pair_that_passes_every_gate_is_verified(controller: Controller) -> None:
    request_id, bench = _ready(controller, accepts=True)

    result = verify_unlearning(request_id, bench=bench, rung=0)

    assert (result.stage, result.passed) == (Stage.UNLEARNING_VERIFIED, True)
    assert result.failed_gates == []
    assert result.verdict["policy"] == policy_that(accepts=True).digest
    assert [item["name"] for item in result.results] == ["retain_accuracy_change"]
    # Its one gate is about people who stay, whom nobody keeps for later.
    assert result.repeatable == []


def test_a_pair_that_fails_a_gate_is_rejected_and_registered_nowhere(
    controller: Controller,
) -> None:
    request_id, bench = _ready(controller, accepts=False)

    result = verify_unlearning(request_id, bench=bench, rung=0)

    assert (result.stage, result.passed) == (Stage.UNLEARNING_REJECTED, False)
    assert result.failed_gates == ["G4-retain"]
    assert controller.registry.versions("small-world") == ()


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("accepts", [True, False])
def test_people_find_report_and_plots_with_the_run(
    controller: Controller,
    accepts: bool,  # noqa: FBT001 - a column of the table
) -> None:
    request_id, bench = _ready(controller, accepts=accepts)

    result = verify_unlearning(request_id, bench=bench, rung=0)

    run = controller.runs.runs["run-1"]
    assert run.succeeded is accepts
    kept = run.files["verification/report.json"]
    assert json.loads(kept)["passed"] is accepts
    assert result.report == digest_of(kept)
    assert controller.evidence.get(report_name(result.report)) == kept
    report = read_report(kept, expected=digest_of(kept))
    assert report.about.request_id == str(request_id)
    assert run.files["verification/report.html"] == draw_page(report).encode()
    pictures = [name for name in run.files if name.endswith(".png")]
    assert pictures
    assert all(run.files[name].startswith(b"\x89PNG") for name in pictures)


@pytest.mark.usefixtures("unhurried")
def test_the_tracked_run_tells_how_far_verification_is(controller: Controller) -> None:
    request_id, bench = _ready(controller, accepts=True)

    verify_unlearning(request_id, bench=bench, rung=0)

    logged = controller.runs.runs["run-1"].values["verification_share_done"]
    assert logged[-1] == (20, 1.0)
    assert logged == sorted(logged)


def test_the_time_left_is_what_the_answers_so_far_took(controller: Controller) -> None:
    """A quarter in one second leaves three; at the end nothing is left."""
    bench = controller.bench(controller.receive(), accepts=True)
    run = controller.runs.start("a run", {})
    reporter = _Reporter(bench, run)
    controller.clock.move(timedelta(seconds=1))
    reporter(5, 20)
    controller.clock.move(timedelta(seconds=5))
    reporter(20, 20)
    left = controller.runs.runs[run].values["verification_seconds_left"]
    assert left == [(5, 3.0), (20, 0.0)]


def _all_but(missing: str, compute: Compute) -> Compute:
    return lambda name, evidence: None if name == missing else compute(name, evidence)


def test_a_metric_that_cannot_be_computed_rejects(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id, bench = _ready(controller, accepts=True)
    policy = policy_that(accepts=True)
    gate = replace(policy.gates[0], name="G3", metric="two_sided_power", limit=0.0)
    policy = replace(policy, gates=(*policy.gates, gate))
    monkeypatch.setattr(suite, "compute", _all_but("two_sided_power", suite.compute))

    result = verify_unlearning(request_id, bench=replace(bench, policy=policy), rung=0)

    assert (result.passed, result.failed_gates) == (False, ["G3"])


def test_families_that_the_policy_names_are_asked_and_change_no_verdict(
    controller: Controller,
) -> None:
    families = {"direct": 0.5, "few_shot": 0.5, "prefix_50": 0.5}
    policy = replace(policy_that(accepts=True), probe_families=families)
    request_id = controller.receive()
    bench = replace(controller.bench(request_id), policy=policy)
    work_until(Stage.TRAINED, request_id, bench=bench)

    result = verify_unlearning(request_id, bench=bench, rung=0)

    assert result.passed
    data = controller.runs.runs["run-1"].files["verification/report.json"]
    rows = read_report(data, expected=digest_of(data)).families
    assert [row.family for row in rows] == sorted(families)
    assert all(row.subject.trials == row.before.trials > 0 for row in rows)
    assert all(row.control is not None for row in rows)


def test_the_strength_that_is_verified_is_the_one_that_will_be_served(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training may choose another one than the recipe names."""
    request_id, bench = _ready(controller, accepts=True)
    ladder = tuple(replace(recipe, alpha=1.5) for recipe in bench.ladder)
    seen: list[tuple[NextTokenLaw, Artifact]] = []

    def watched(
        asked: Interrogation,
        *,
        policy: AcceptancePolicy,
        artifact: Artifact,
        public: PublicQuestions | None,
    ) -> Verification:
        seen.append((asked.after, artifact))
        return suite.verify(asked, policy=policy, artifact=artifact, public=public)

    monkeypatch.setattr("unlearn_core.steps.verify_unlearning.verify", watched)

    verify_unlearning(request_id, bench=replace(bench, ladder=ladder), rung=0)

    ((target, artifact),) = seen
    assert isinstance(target, OffsetModel)
    data = controller.runs.runs["run-1"].files["verification/report.json"]
    assert (target.alpha, artifact.alpha) == (1.0, 1.0)
    assert json.loads(data)["about"]["alpha"] == 1.0


def test_too_few_controls_are_refused_here_too(controller: Controller) -> None:
    request_id, bench = _ready(controller, accepts=True)
    policy = replace(bench.policy, minimum_controls=1000)

    with pytest.raises(TooFewControlsError):
        verify_unlearning(request_id, bench=replace(bench, policy=policy), rung=0)


def test_a_rung_that_was_not_trained_is_not_verified(controller: Controller) -> None:
    request_id, bench = _ready(controller, accepts=True)

    with pytest.raises(LookupError, match="trained"):
        verify_unlearning(request_id, bench=bench, rung=1)


def test_an_absent_registry_leaves_the_pair_undecided(controller: Controller) -> None:
    request_id, bench = _ready(controller, accepts=True)
    controller.registry.is_reachable = False
    with pytest.raises(RegistryUnavailableError):
        verify_unlearning(request_id, bench=bench, rung=0)
    assert controller.store.get(request_id).stage is Stage.TRAINED

    controller.registry.is_reachable = True

    assert verify_unlearning(request_id, bench=bench, rung=0).passed
