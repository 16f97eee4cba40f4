"""Verify: run the suite on the pair of a rung and keep the report."""

from unlearn_core.domain.canonical import canonical_json
from unlearn_core.domain.datasets import from_bytes
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.weights import unpack_pair
from unlearn_core.steps import scopes
from unlearn_core.steps.journal import read_result, recorded
from unlearn_core.steps.lineage import read_lineage
from unlearn_core.steps.results import Trained, UnlearningVerified
from unlearn_core.steps.workbench import Workbench
from unlearn_core.verification.evidence import Interrogation
from unlearn_core.verification.plots import draw_plots
from unlearn_core.verification.suite import verify

SEED = 0


@recorded(
    Stage.UNLEARNING_VERIFIED, Stage.UNLEARNING_REJECTED, result=UnlearningVerified
)
def verify_unlearning(
    request_id: RequestId, *, bench: Workbench, rung: int
) -> UnlearningVerified:
    """Decide about one rung; everything but a passed verdict is a rejection.

    Raises:
        LineageConflictError: Another version was promoted since the training.
        TooFewControlsError: The control group is too small for the declared test.
    """
    trained = read_result(bench, request_id, Stage.TRAINED, result=Trained, rung=rung)
    lineage = read_lineage(bench=bench)
    lineage.check_continued_by(trained)
    scope = scopes.working(request_id)
    datasets = from_bytes(bench.custody.get(scope, scopes.DATASETS))
    unlearned, reference = unpack_pair(
        bench.custody.get(scope, scopes.pair(rung)), device=bench.models.device
    )
    verification = verify(
        Interrogation(
            probes=datasets.probes,
            tokenizer=bench.models.tokenizer,
            before=lineage.materials.law_before,
            after=OffsetModel(
                bench.models.base,
                unlearned=unlearned,
                reference=reference,
                alpha=bench.ladder[rung].alpha,
            ),
            samples_per_probe=bench.policy.samples_per_probe,
            confidence=bench.policy.confidence,
            seed=SEED,
        ),
        policy=bench.policy,
    )
    report = verification.to_json()
    for name, picture in draw_plots(verification, policy=bench.policy).items():
        bench.runs.attach(trained.run, f"verification/{name}", picture)
    bench.runs.attach(trained.run, "verification/report.json", canonical_json(report))
    bench.runs.finish(trained.run, succeeded=verification.verdict.passed)
    passed = verification.verdict.passed
    return UnlearningVerified(
        stage=Stage.UNLEARNING_VERIFIED if passed else Stage.UNLEARNING_REJECTED,
        rung=rung,
        passed=passed,
        failed_gates=list(verification.verdict.failed_gates),
        verdict=verification.verdict.to_json(),
        results=[result.to_json() for result in verification.results],
        report=verification.digest,
    )
