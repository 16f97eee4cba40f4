"""From a verification to its report."""

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from unlearn_core.domain.datasets import Entropy, Group
from unlearn_core.domain.verdicts import AcceptancePolicy
from unlearn_core.metrics import METRICS
from unlearn_core.metrics.base import (
    AttackScore,
    Evidence,
    FamilyScore,
    ProbeScore,
    Scores,
    Unit,
    mean_per_person,
    shares_of_units,
    unit_of,
)
from unlearn_core.metrics.bounds import bounded_mean
from unlearn_core.metrics.indistinguishability import answer_likelihood
from unlearn_core.metrics.intervals import smallest_conformal_p_value
from unlearn_core.metrics.published import leak_at
from unlearn_core.verification.report import (
    About,
    AttackRow,
    Condition,
    Crowd,
    FamilyRow,
    LeakCurve,
    LeakPoint,
    Measurement,
    Report,
    Share,
)
from unlearn_core.verification.sizes import controls_needed, sample_sizes
from unlearn_core.verification.suite import Verification, compute
from unlearn_core.verification.words import STRENGTH

SERVED = 1.0
TRIES = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 500, 1000)


def write_report(
    verification: Verification, *, policy: AcceptancePolicy, about: About
) -> Report:
    """Write the report of a verification."""
    evidence = verification.evidence
    results = {result.name: result for result in verification.results}
    for name in METRICS:
        if name not in results and (more := compute(name, evidence)):
            results[name] = more
    controls = len(
        {score.ref for score in evidence.after if score.group is Group.CONTROL}
    )
    return Report(
        format="unlearn/verification-report/v1",
        about=about,
        passed=verification.verdict.passed,
        confidence=policy.confidence,
        conditions=_conditions(verification, policy),
        metrics=tuple(
            Measurement(
                name=name,
                value=item.value,
                low=_end(item.low),
                high=_end(item.high),
                count=item.count,
            )
            for name, item in sorted(results.items())
        ),
        sizes=sample_sizes(results, policy=policy),
        controls=controls,
        controls_needed=controls_needed(policy),
        smallest_p=smallest_conformal_p_value(controls),
        crowds=_crowds(evidence),
        leaks=_leaks(evidence),
        attacks=_attacks(evidence),
        families=_families(evidence),
        guards=evidence.guards,
    )


def _end(number: float) -> float | None:
    """Return an end of an interval; None if it is open."""
    return number if math.isfinite(number) else None


def _conditions(
    verification: Verification, policy: AcceptancePolicy
) -> tuple[Condition, ...]:
    return tuple(
        Condition(
            gate=gate.name,
            metric=gate.metric,
            side=gate.side.value,
            comparison=gate.comparison.value,
            limit=gate.limit,
            why=gate.why,
            value=decision.value,
            passed=decision.passed,
            applies=decision.applies,
        )
        for gate, decision in zip(
            policy.gates, verification.verdict.decisions, strict=True
        )
    )


def _people(scores: Scores, group: Group) -> tuple[float, ...]:
    """Return the statistic of every person of a group, sorted and without refs.

    What is not finite has no place on a picture, and no JSON form.
    """
    chosen = tuple(score for score in scores if score.group is group)
    people = mean_per_person(chosen, answer_likelihood).values()
    return tuple(sorted(filter(math.isfinite, people)))


def _crowds(evidence: Evidence) -> tuple[Crowd, ...]:
    crowds = (
        Crowd(
            group=group,
            before=_people(evidence.before, group),
            after=_people(evidence.after, group),
        )
        for group in Group
    )
    return tuple(crowd for crowd in crowds if crowd.before and crowd.after)


def _leaks(evidence: Evidence) -> tuple[LeakCurve, ...]:
    curves = []
    for group in (Group.SUBJECT, Group.CONTROL):
        for entropy in Entropy:
            sampled = [
                score
                for score in evidence.after
                if score.group is group and score.entropy is entropy and score.draws
            ]
            if sampled:
                points = _leak_points(sampled, confidence=evidence.confidence)
                curves.append(LeakCurve(group=group, entropy=entropy, points=points))
    return tuple(curves)


def _leak_points(
    sampled: list[ProbeScore], *, confidence: float
) -> tuple[LeakPoint, ...]:
    """Follow the mean chance of a leak as far as every probe was drawn."""
    most = min(score.draws for score in sampled)
    points = []
    for tries in sorted({item for item in TRIES if item < most} | {most}):
        values = [leak_at(score.draws, score.leaks, k=tries) for score in sampled]
        low, high = bounded_mean(values, confidence=confidence)
        value = sum(values) / len(values)
        points.append(LeakPoint(tries=tries, value=value, low=low, high=high))
    return tuple(points)


def _attacks(evidence: Evidence) -> tuple[AttackRow, ...]:
    level = evidence.confidence
    tried: dict[tuple[str, float], list[AttackScore]] = defaultdict(list)
    for score in evidence.attacks:
        tried[score.attack, score.setting].append(score)
    rows = [
        AttackRow(
            attack=attack,
            setting=setting,
            subject=subject,
            control=_extracted(scores, Group.CONTROL, confidence=level),
        )
        for (attack, setting), scores in tried.items()
        if (subject := _extracted(scores, Group.SUBJECT, confidence=level))
    ]
    is_swept = any(row.attack == STRENGTH for row in rows)
    return (*rows, *(_as_served(evidence) if is_swept else ()))


def _as_served(evidence: Evidence) -> tuple[AttackRow, ...]:
    """Return the served strength as a row beside others; it was asked for plainly.

    Of a never-trained person's fact one question counts, as where attacks are tried.
    """
    own: list[tuple[Unit, bool]] = []
    others: list[tuple[Unit, bool]] = []
    seen: set[tuple[str, str]] = set()
    for score in evidence.after:
        fact = (score.ref, score.field)
        outcome = (unit_of(score.group, *fact), score.is_extracted)
        if score.group is Group.SUBJECT:
            own.append(outcome)
        elif score.group is Group.CONTROL and fact not in seen:
            others.append(outcome)
        seen.add(fact)
    if not own:
        return ()
    level = evidence.confidence
    row = AttackRow(
        attack=STRENGTH,
        setting=SERVED,
        subject=share_of(own, confidence=level),
        control=share_of(others, confidence=level) if others else None,
    )
    return (row,)


def _families(evidence: Evidence) -> tuple[FamilyRow, ...]:
    level = evidence.confidence
    asked: dict[str, list[FamilyScore]] = defaultdict(list)
    for score in evidence.families:
        asked[score.family].append(score)
    return tuple(
        FamilyRow(
            family=family,
            before=share_of(
                [
                    (item.unit, bool(item.was_extracted))
                    for item in scores
                    if item.group is Group.SUBJECT
                ],
                confidence=level,
            ),
            subject=subject,
            control=_extracted(scores, Group.CONTROL, confidence=level),
        )
        for family, scores in asked.items()
        if (subject := _extracted(scores, Group.SUBJECT, confidence=level))
    )


def _extracted(
    scores: Sequence[AttackScore | FamilyScore], group: Group, *, confidence: float
) -> Share | None:
    """Count what came out about a group; None if it was not asked about."""
    found = [(item.unit, item.is_extracted) for item in scores if item.group is group]
    return share_of(found, confidence=confidence) if found else None


def share_of(outcomes: Sequence[tuple[Unit, bool]], *, confidence: float) -> Share:
    """Count hits among at least one trial; the interval is over units."""
    shares = shares_of_units(outcomes)
    low, high = bounded_mean(shares, confidence=confidence)
    return Share(
        hits=sum(is_hit for _, is_hit in outcomes),
        trials=len(outcomes),
        low=low,
        high=high,
        units=len(shares),
        mean=fmean(shares),
    )
