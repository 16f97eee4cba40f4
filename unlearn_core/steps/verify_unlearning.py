"""Verify: run the suite on the pair of a rung and keep the report."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from unlearn_core.domain.canonical import Digest, digest_of
from unlearn_core.domain.datasets import Datasets, from_bytes
from unlearn_core.domain.families import family_probes
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.weights import unpack_pair
from unlearn_core.steps import scopes
from unlearn_core.steps.commitment import (
    VERIFICATION_SEED,
    check_commitment,
    terms_of_verification,
)
from unlearn_core.steps.journal import read_result, recorded
from unlearn_core.steps.lineage import read_lineage
from unlearn_core.steps.results import Trained, UnlearningVerified
from unlearn_core.steps.workbench import Workbench
from unlearn_core.verification.attacks import Artifact
from unlearn_core.verification.evidence import Interrogation
from unlearn_core.verification.page import draw_page
from unlearn_core.verification.plots import draw_plots
from unlearn_core.verification.renewal import repeatable_gates
from unlearn_core.verification.report import About, Report, report_name
from unlearn_core.verification.reporting import write_report
from unlearn_core.verification.suite import Verification, verify

PARTS_REPORTED = 20


@recorded(
    Stage.UNLEARNING_VERIFIED, Stage.UNLEARNING_REJECTED, result=UnlearningVerified
)
def verify_unlearning(
    request_id: RequestId, *, bench: Workbench, rung: int
) -> UnlearningVerified:
    """Decide about one rung; everything but a passed verdict is a rejection.

    Raises:
        CommitmentBrokenError: Probes, policy, families, attacks, public questions,
            judge or seed are not those that were committed to before training.
        LineageConflictError: Another version was promoted since the training.
        StorageError: The report cannot be kept.
        TooFewControlsError: The control group is too small for the declared test.
        TooFewRetainedError: Too few people stay for the declared bound.
        TooFewParaphrasesError: A fact has too few questions that were held out.
    """
    trained = read_result(bench, request_id, Stage.TRAINED, result=Trained, rung=rung)
    lineage = read_lineage(bench=bench)
    lineage.check_continued_by(trained)
    scope = scopes.working(request_id)
    sealed = bench.custody.get(scope, scopes.DATASETS)
    check_commitment(request_id, sealed, bench=bench)
    datasets = from_bytes(sealed)
    unlearned, reference = unpack_pair(
        bench.custody.get(scope, scopes.pair(rung)), device=bench.models.device
    )
    base, alpha = bench.models.base, trained.alpha
    target = OffsetModel(base, unlearned=unlearned, reference=reference, alpha=alpha)
    asked = _interrogation(
        datasets, before=lineage.materials.law_before, after=target, bench=bench
    )
    verification = verify(
        replace(asked, on_progress=_Reporter(bench, trained.run)),
        policy=bench.policy,
        artifact=Artifact(
            base=PlainLaw(base), unlearned=unlearned, reference=reference, alpha=alpha
        ),
        public=bench.public,
    )
    about = _about(request_id, trained, sealed=sealed, bench=bench)
    report = write_report(verification, policy=bench.policy, about=about)
    _attach(verification, report, trained.run, bench=bench)
    return _result(
        verification, rung=rung, report=_keep(report, bench=bench), bench=bench
    )


def _interrogation(
    datasets: Datasets, *, before: NextTokenLaw, after: NextTokenLaw, bench: Workbench
) -> Interrogation:
    return Interrogation(
        probes=datasets.probes,
        tokenizer=bench.models.tokenizer,
        before=before,
        after=after,
        samples_per_probe=bench.policy.samples_per_probe,
        confidence=bench.policy.confidence,
        seed=VERIFICATION_SEED,
        families=family_probes(
            datasets,
            bench.policy.probe_families,
            data_map=bench.data_map,
            seed=VERIFICATION_SEED,
        ),
    )


def _about(
    request_id: RequestId, trained: Trained, *, sealed: bytes, bench: Workbench
) -> About:
    terms = terms_of_verification(request_id, sealed, bench=bench)
    return About(
        request_id=str(request_id),
        base_model=bench.terms.base_model,
        sequence=trained.sequence,
        rung=trained.rung,
        alpha=trained.alpha,
        pair=trained.unlearned,
        recipe=trained.recipe,
        policy=bench.policy.digest,
        policy_version=bench.policy.version,
        probe_set=str(terms["probe_set"]),
        judge=str(terms["judge"]),
        seed=VERIFICATION_SEED,
    )


def _keep(report: Report, *, bench: Workbench) -> Digest:
    """Keep the report under its digest, which the ledger will name."""
    data = report.to_bytes()
    digest = digest_of(data)
    bench.evidence.put(report_name(digest), data)
    return digest


def _attach(
    verification: Verification, report: Report, run: str, *, bench: Workbench
) -> None:
    """Leave report and pictures with the tracked run, and finish it."""
    for name, picture in draw_plots(verification, policy=bench.policy).items():
        bench.runs.attach(run, f"verification/{name}", picture)
    bench.runs.attach(run, "verification/report.json", report.to_bytes())
    bench.runs.attach(run, "verification/report.html", draw_page(report).encode())
    bench.runs.finish(run, succeeded=verification.verdict.passed)


def _result(
    verification: Verification, *, rung: int, report: Digest, bench: Workbench
) -> UnlearningVerified:
    passed = verification.verdict.passed
    return UnlearningVerified(
        stage=Stage.UNLEARNING_VERIFIED if passed else Stage.UNLEARNING_REJECTED,
        rung=rung,
        passed=passed,
        failed_gates=list(verification.verdict.failed_gates),
        verdict=verification.verdict.to_json(),
        results=[result.to_json() for result in verification.results],
        report=report,
        repeatable=list(repeatable_gates(bench.policy, verification.evidence)),
    )


@dataclass(slots=True)
class _Reporter:
    """Sends progress to the tracked run and stops a worker that has lost its lease."""

    bench: Workbench
    run: str
    _part: int = field(default=0, init=False)
    _began: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.bench.clock.now()

    def __call__(self, done: int, total: int) -> None:
        part = PARTS_REPORTED * done // total
        if part > self._part:
            self._part = part
            self.bench.check_lease()
            spent = (self.bench.clock.now() - self._began).total_seconds()
            self.bench.runs.log(
                self.run,
                {
                    "verification_share_done": done / total,
                    "verification_seconds_left": spent * (total - done) / done,
                },
                step=part,
            )
