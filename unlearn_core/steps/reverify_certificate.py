"""Re-verify: ask what is served today again, and renew or fail the certificate.

What is asked, under which policy, judge, seed and level, of which version, stands in
the ledger before the first question. An attempt that was interrupted is continued only
under the same terms; anything else is a new one, at a stricter level, so nobody can try
until something passes.

- With the evaluation set, the gates that can be repeated are asked again, the base
  being the model before. If they pass, the certificate holds for what is served now.
- With fingerprints, answers about strangers are searched for the subject's values. That
  can fail a certificate. It renews one only while what is served is what the gates
  were asked of; it is no substitute for them.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from unlearn_core.domain.canonical import Digest, JsonValue
from unlearn_core.domain.datasets import Entropy
from unlearn_core.domain.evaluation import EvaluationSet
from unlearn_core.domain.people import gather_people
from unlearn_core.domain.probing import control_probes
from unlearn_core.domain.requests import RequestId
from unlearn_core.domain.standing import (
    ARRANGED,
    REVERIFIED,
    STARTED,
    Material,
    Renewals,
)
from unlearn_core.domain.verdicts import GateDecision, MetricResult, Verdict
from unlearn_core.errors import (
    CommitmentBrokenError,
    DigestMismatchError,
    KeyDestroyedError,
    TooFewControlsError,
)
from unlearn_core.modeling.bundles import OpenedBundle
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.tokens import encode_example
from unlearn_core.observability import EventLog
from unlearn_core.steps import scopes
from unlearn_core.steps.lineage import Lineage, read_lineage
from unlearn_core.steps.results import Arranged, Reverified
from unlearn_core.steps.workbench import Workbench
from unlearn_core.verification.attacks import Artifact
from unlearn_core.verification.evidence import Interrogation
from unlearn_core.verification.fingerprints import (
    Fingerprints,
    NeutralQuestions,
    ask_neutrally,
    judge_volunteered,
)
from unlearn_core.verification.judge import judge_digest
from unlearn_core.verification.policy import policy_from_bytes
from unlearn_core.verification.renewal import level_of, renewal_policy
from unlearn_core.verification.suite import verify

IN_FORCE = "R0-erasure-in-force"

_ARRANGED = TypeAdapter(Arranged)
_REVERIFIED = TypeAdapter(Reverified)
_LOG = EventLog("reverification")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    """One re-verification that was begun."""

    request_id: RequestId
    number: int
    arranged: Arranged
    served: OpenedBundle
    lineage: Lineage
    bench: Workbench


Found = tuple[Verdict, tuple[MetricResult, ...]]


def reverify_certificate(request_id: RequestId, *, bench: Workbench) -> Reverified:
    """Ask what is served now, and renew or fail the certificate; if that is due.

    Returns:
        What was found; the latest result if nothing is due.

    Raises:
        KeyDestroyedError: Nothing is due and nothing was ever found.
        CommitmentBrokenError: The evaluation set is not the one that was kept.
        DigestMismatchError: The registry serves what the ledger does not know.
        LeaseLostError: Another worker has taken over.
    """
    bench.check_lease()
    renewals = bench.certificates.renewals(request_id)
    manifest = bench.certificates.served(bench.terms.base_model)
    now = bench.clock.now()
    material = renewals.material(now) if renewals else None
    if renewals is None or material is None or not renewals.is_due(manifest, now):
        return _latest(request_id, bench=bench)
    lineage = read_lineage(bench=bench)
    if lineage.latest is None or lineage.latest_digest != manifest:
        raise DigestMismatchError(part="served manifest")
    arranged = _arranged(request_id, bench=bench)
    terms = _terms(material, arranged, lineage.latest, bench=bench)
    asking = _Asking(
        request_id=request_id,
        number=_begin(request_id, terms, arranged, renewals, bench=bench),
        arranged=arranged,
        served=lineage.latest,
        lineage=lineage,
        bench=bench,
    )
    verdict, results = _ASK[material](asking)
    verdict = _with_presence(verdict, is_in_force=lineage.covers(request_id))
    return _record(asking, material, verdict, results, renewals=renewals)


def _latest(request_id: RequestId, *, bench: Workbench) -> Reverified:
    entries = list(bench.ledger.entries(request_id, event=REVERIFIED))
    if not entries:
        raise KeyDestroyedError(state="not kept")
    return _REVERIFIED.validate_python(entries[-1].payload)


def _arranged(request_id: RequestId, *, bench: Workbench) -> Arranged:
    (entry,) = bench.ledger.entries(request_id, event=ARRANGED)
    return _ARRANGED.validate_python(entry.payload)


def _terms(
    material: Material, arranged: Arranged, served: OpenedBundle, *, bench: Workbench
) -> dict[str, JsonValue]:
    """Return what is declared before the first question is asked."""
    return {
        "material": material.value,
        "manifest": served.manifest_digest,
        "sequence": served.manifest.sequence,
        "policy": arranged.policy,
        "commitment": arranged.commitment,
        "judge": judge_digest(),
        "code_version": bench.terms.code_version,
    }


def _begin(
    request_id: RequestId,
    terms: Mapping[str, JsonValue],
    arranged: Arranged,
    renewals: Renewals,
    *,
    bench: Workbench,
) -> int:
    """Declare the terms; return the number, an interrupted attempt's if it is its own.

    Every attempt that was begun under other terms has spent its error.
    """
    latest = renewals.latest
    is_the_same = latest is not None and terms.items() <= latest.terms.items()
    if latest is not None and renewals.is_open and is_the_same:
        return latest.number
    number = latest.number + 1 if latest else 1
    level = level_of(number, confidence=arranged.confidence)
    bench.ledger.note(
        STARTED,
        {**terms, "number": number, "seed": number, "confidence": level.confidence},
        request_id=request_id,
        lease=bench.lease,
    )
    return number


def _ask_questions(asking: _Asking) -> Found:
    """Ask the evaluation set under the gates that can be repeated."""
    bench, served = asking.bench, asking.served
    scope = scopes.evaluation(asking.request_id)
    kept = bench.custody.get(scope, scopes.POLICY)
    questions = bench.custody.get(scope, scopes.QUESTIONS)
    if bench.custody.commit(scope, kept + questions) != asking.arranged.commitment:
        raise CommitmentBrokenError(part="evaluation_set")
    policy = renewal_policy(policy_from_bytes(kept), number=asking.number)
    evaluation_set = EvaluationSet.from_bytes(questions)
    base = PlainLaw(bench.models.base)
    verification = verify(
        Interrogation(
            probes=evaluation_set.probes,
            tokenizer=bench.models.tokenizer,
            before=base,
            after=asking.lineage.materials.law_before,
            samples_per_probe=policy.samples_per_probe,
            confidence=policy.confidence,
            seed=asking.number,
            families=evaluation_set.families,
        ),
        policy=policy,
        artifact=Artifact(
            base=base,
            unlearned=served.unlearned,
            reference=served.reference,
            alpha=served.manifest.alpha,
        ),
    )
    return verification.verdict, verification.results


def _ask_neutrally(asking: _Asking) -> Found:
    """Ask about strangers and look for the subject's values."""
    bench, arranged = asking.bench, asking.arranged
    scope = scopes.fingerprints(asking.request_id)
    fingerprints = Fingerprints.from_bytes(bench.custody.get(scope, scopes.VALUES))
    people = gather_people(
        bench.holdout.read(), data_map=bench.data_map, prefix="control"
    )
    probes = control_probes(
        people, data_map=bench.data_map, questions=1, rng=random.Random(asking.number)
    )
    prompts = [probe for probe in probes if probe.entropy is Entropy.HIGH]
    if not prompts:
        raise TooFewControlsError(controls=len(people), minimum=1)
    level = level_of(asking.number, confidence=arranged.confidence)
    questions = NeutralQuestions(
        prompts=tuple(
            encode_example(bench.models.tokenizer, probe.example) for probe in prompts
        ),
        tokenizer=bench.models.tokenizer,
        confidence=level.confidence,
        seed=asking.number,
    )
    law = asking.lineage.materials.law_before
    result = ask_neutrally(law, questions, fingerprints=fingerprints)
    return judge_volunteered(result, policy=Digest(arranged.policy)), (result,)


_ASK: Mapping[Material, Callable[[_Asking], Found]] = {
    Material.EVALUATION_SET: _ask_questions,
    Material.FINGERPRINTS: _ask_neutrally,
}


def _with_presence(verdict: Verdict, *, is_in_force: bool) -> Verdict:
    """Add the condition that the served manifest still lists the erasure."""
    listed = GateDecision(
        gate=IN_FORCE,
        metric="erasure_in_force",
        passed=is_in_force,
        value=float(is_in_force),
    )
    return replace(
        verdict,
        passed=verdict.passed and is_in_force,
        decisions=(listed, *verdict.decisions),
    )


def _record(
    asking: _Asking,
    material: Material,
    verdict: Verdict,
    results: tuple[MetricResult, ...],
    *,
    renewals: Renewals,
) -> Reverified:
    """Write the result into the ledger; nothing but this renews a certificate."""
    bench, manifest = asking.bench, asking.served.manifest_digest
    is_as_verified = renewals.manifest == manifest and not renewals.has_failed
    renews = verdict.passed and (material is Material.EVALUATION_SET or is_as_verified)
    validity = bench.terms.certificate_validity
    reverified = Reverified(
        number=asking.number,
        material=material,
        manifest=manifest,
        sequence=asking.served.manifest.sequence,
        passed=verdict.passed,
        failed_gates=list(verdict.failed_gates),
        valid_until=bench.clock.now() + validity if renews else None,
        verdict=verdict.to_json(),
        results=[result.to_json() for result in results],
    )
    bench.ledger.note(
        REVERIFIED,
        _REVERIFIED.dump_python(reverified, mode="json"),
        request_id=asking.request_id,
        lease=bench.lease,
    )
    if not verdict.passed:
        _LOG.error(
            "certificate_failed",
            request_id=asking.request_id,
            sequence=reverified.sequence,
            count=len(reverified.failed_gates),
        )
    return reverified
