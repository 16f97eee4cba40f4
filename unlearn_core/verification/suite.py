"""The verification suite, in numbered steps.

1. Refuse a control group with which the declared test could not fail, too few people
   who stay for a bound that they could meet, and facts that are asked for in too few
   wordings.
2. Ask every probe of the model before and of the target model, then attack. A policy
   may say that attacks are left out once the pair is rejected anyhow.
3. Compute every metric that the policy names; one that cannot be computed is
   missing, and a missing metric fails its gate.
4. Apply the policy.

Callers MUST have committed to probes, policy and seed before training started
(`commitment`), and MUST treat everything but a passed verdict as a rejection.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from unlearn_core.domain.datasets import Entropy, Group, Probe
from unlearn_core.domain.verdicts import (
    AcceptancePolicy,
    MetricResult,
    Precondition,
    Verdict,
    decide,
)
from unlearn_core.errors import TooFewControlsError
from unlearn_core.metrics import (
    ATTACKS,
    CALIBRATED,
    FAMILIAL,
    GUARDED,
    METRICS,
    RELEARNED,
)
from unlearn_core.metrics.base import AttackScore, Evidence, MissingEvidenceError
from unlearn_core.modeling.generation import Tick
from unlearn_core.verification.attacks import Artifact, answers_of_attacks, attack
from unlearn_core.verification.evidence import (
    Interrogation,
    answers_of_evidence,
    gather_evidence,
)
from unlearn_core.verification.families import (
    answers_of_families,
    ask_families,
    check_paraphrases,
)
from unlearn_core.verification.latent import probe_latent
from unlearn_core.verification.lens import read_layers
from unlearn_core.verification.public_questions import (
    PublicQuestions,
    ask_public_questions,
    unasked,
)
from unlearn_core.verification.relearning import answers_of_relearning, relearn
from unlearn_core.verification.search import search, searches_of
from unlearn_core.verification.self_prompt import with_variations
from unlearn_core.verification.sizes import (
    TooFewRetainedError,
    controls_needed,
    declared_level,
    retained_needed,
)
from unlearn_core.verification.words import SETTLED

NO_FOLDER = "no folder of public questions is named"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What the suite found.

    Attributes:
        verdict: The decision.
        results: Every metric that could be computed.
        evidence: The scores behind them.
    """

    verdict: Verdict
    results: tuple[MetricResult, ...]
    evidence: Evidence


def verify(
    interrogation: Interrogation,
    *,
    policy: AcceptancePolicy,
    artifact: Artifact | None = None,
    public: PublicQuestions | None = None,
) -> Verification:
    """Run the suite.

    Args:
        interrogation: What is asked, of whom and how.
        policy: The conditions; the artifact is attacked only if they ask for it.
        artifact: What attacks are tried on; without it their metrics are missing.
        public: Questions about nobody; without them their metrics are missing.

    Raises:
        TooFewControlsError: Step 1 refuses.
        TooFewRetainedError: Likewise.
        TooFewParaphrasesError: Likewise.
    """
    # Step 1.
    check_groups(interrogation.probes, policy=policy)
    if interrogation.families:
        check_paraphrases(
            interrogation.probes,
            interrogation.families,
            named=policy.probe_families,
        )
    # Step 2.
    is_attacked = artifact is not None and _asks_for(policy, ATTACKS)
    tick = _counted(interrogation, policy, is_attacked=is_attacked)
    evidence = gather_evidence(interrogation, tick=tick)
    if policy.stop_when_settled and is_settled(evidence, policy=policy):
        left_out = replace(evidence, guards=unasked(SETTLED))
        return judge_evidence(left_out, policy=policy)
    if artifact is not None and is_attacked:
        found = _attacked(interrogation, artifact, policy, tick)
        evidence = replace(evidence, attacks=found)
    if policy.search is not None:
        found = search(
            interrogation, interrogation.after, budget=policy.search, tick=tick
        )
        evidence = replace(evidence, attacks=(*evidence.attacks, *found))
    families = ask_families(interrogation.families, asked=interrogation, tick=tick)
    evidence = replace(evidence, families=families)
    evidence = _with_more(evidence, interrogation, policy, artifact, public)
    # Steps 3 and 4.
    return judge_evidence(evidence, policy=policy)


def _with_more(
    evidence: Evidence,
    asked: Interrogation,
    policy: AcceptancePolicy,
    artifact: Artifact | None,
    public: PublicQuestions | None,
) -> Evidence:
    """Calibrate, if a gate asks for it, and ask public questions, if there are any."""
    if artifact is not None and _asks_for(policy, CALIBRATED):
        evidence = with_variations(evidence, asked, config=artifact.reference.config)
    if public is None:
        return replace(evidence, guards=unasked(NO_FOLDER))
    guards = ask_public_questions(
        public,
        laws=(asked.before, asked.after),
        tokenizer=asked.tokenizer,
        confidence=asked.confidence,
    )
    return replace(evidence, guards=guards)


def _attacked(
    asked: Interrogation, artifact: Artifact, policy: AcceptancePolicy, tick: Tick
) -> tuple[AttackScore, ...]:
    """Attack by asking, look inside the trained small model, and train it further."""
    latent = probe_latent(
        asked.probes,
        tokenizer=asked.tokenizer,
        unlearned=artifact.unlearned,
        reference=artifact.reference,
        seed=asked.seed,
    )
    lens = read_layers(
        asked.probes, tokenizer=asked.tokenizer, model=artifact.unlearned
    )
    plain = attack(asked, artifact, tick=tick)
    is_taught = _asks_for(policy, RELEARNED)
    taught = relearn(asked, artifact, tick=tick) if is_taught else ()
    return (*plain, *latent, *lens, *taught)


def _asks_for(policy: AcceptancePolicy, metrics: frozenset[str]) -> bool:
    """Tell whether a gate looks at one of some metrics."""
    return any(gate.metric in metrics for gate in policy.gates)


def _counted(
    asked: Interrogation, policy: AcceptancePolicy, *, is_attacked: bool
) -> Tick:
    """Return what counts answers and tells how many of all of them are there."""
    total = answers_of_evidence(asked) + answers_of_families(asked.families)
    if is_attacked:
        total += answers_of_attacks(asked.probes)
        if _asks_for(policy, RELEARNED):
            total += answers_of_relearning(asked.probes, seed=asked.seed)
    if policy.search is not None:
        total += searches_of(asked, budget=policy.search)
    so_far = 0

    def tick(answers: int) -> None:
        nonlocal so_far
        so_far += answers
        asked.on_progress(so_far, total)

    return tick


def is_settled(evidence: Evidence, *, policy: AcceptancePolicy) -> bool:
    """Tell whether a gate on plain questions has failed: all of them must pass."""
    later = ATTACKS | GUARDED | CALIBRATED | FAMILIAL
    plain = [gate.name for gate in policy.gates if gate.metric not in later]
    verdict = judge_evidence(evidence, policy=policy.with_gates(plain)).verdict
    return bool(verdict.failed_gates)


def judge_evidence(evidence: Evidence, *, policy: AcceptancePolicy) -> Verification:
    """Compute the metrics of a policy from evidence and apply the policy."""
    evidence = replace(evidence, level=declared_level(policy))
    results = {
        result.name: result
        for name in sorted({gate.metric for gate in policy.gates})
        if (result := compute(name, evidence)) is not None
    }
    return Verification(
        verdict=decide(results, policy=policy, present=preconditions(evidence)),
        results=tuple(results.values()),
        evidence=evidence,
    )


def preconditions(evidence: Evidence) -> frozenset[Precondition]:
    """Return what the probes ask about; they were fixed before training."""
    entropies = {
        score.entropy for score in evidence.before if score.group is Group.SUBJECT
    }
    facts = {score.field for score in evidence.before if score.group is Group.SUBJECT}
    found = {
        Precondition.HIGH_ENTROPY_FACTS: Entropy.HIGH in entropies,
        Precondition.GUESSABLE_FACTS: Entropy.GUESSABLE in entropies,
        Precondition.NEIGHBOURS: any(
            score.group is Group.NEIGHBOUR for score in evidence.before
        ),
        Precondition.SEVERAL_FACTS: len(facts) > 1,
    }
    return frozenset(item for item, is_there in found.items() if is_there)


def check_groups(probes: tuple[Probe, ...], *, policy: AcceptancePolicy) -> None:
    """Refuse a test that could not fail, and a bound that nobody could meet.

    Raises:
        TooFewControlsError: There are too few control people.
        TooFewRetainedError: There are too few people who stay.
    """
    controls = _people(probes, Group.CONTROL)
    if controls < (needed := controls_needed(policy)):
        raise TooFewControlsError(controls=controls, minimum=needed)
    retained = _people(probes, Group.RETAINED)
    if retained < (needed := retained_needed(policy)):
        raise TooFewRetainedError(retained=retained, minimum=needed)


def _people(probes: tuple[Probe, ...], group: Group) -> int:
    return len({probe.example.ref for probe in probes if probe.group is group})


def compute(name: str, evidence: Evidence) -> MetricResult | None:
    """Compute one metric; None if evidence for it is missing or it is not finite.

    An end that is open stays so: a gate that looks at it is not passed.
    """
    try:
        with np.errstate(all="ignore"):
            result = METRICS.get(name)(evidence)
    except MissingEvidenceError:
        return None
    is_bounded = not any(map(math.isnan, (result.low, result.high)))
    return result if is_bounded and math.isfinite(result.value) else None
