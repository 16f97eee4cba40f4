"""Evidence as rich as that of a real verification, and its report."""

from dataclasses import replace

import numpy as np
from support.domain import digest, request_id
from support.evidence import complete_evidence
from support.verdicts import gate, policy

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.families import FAMILIES
from unlearn_core.domain.verdicts import AcceptancePolicy, Comparison, Side
from unlearn_core.metrics.base import AttackScore, Evidence, FamilyScore
from unlearn_core.verification.report import About, Report
from unlearn_core.verification.reporting import write_report
from unlearn_core.verification.suite import judge_evidence

POLICY = policy(
    gate("high_entropy_leakage", limit=0.2),
    gate("two_sided_p", side=Side.VALUE, comparison=Comparison.ABOVE, limit=0.05),
    gate(
        "retain_accuracy_change",
        side=Side.LOW,
        comparison=Comparison.AT_LEAST,
        limit=-0.02,
    ),
)


def about(**changes: str | float) -> About:
    """Return what was verified."""
    values: dict[str, str | float] = {
        "request_id": str(request_id()),
        "base_model": "small-world",
        "sequence": 1,
        "rung": 0,
        "alpha": 1.0,
        "pair": digest("pair"),
        "recipe": digest("recipe"),
        "policy": digest("policy"),
        "policy_version": "test",
        "probe_set": "hmac-sha256:" + "f" * 64,
        "judge": digest("judge"),
        "seed": 0,
    }
    return About(**(values | changes))  # type: ignore[arg-type]  # values by name


def rich_evidence(*, is_forgotten: bool = True) -> Evidence:
    """Return evidence with spread-out people, leaks and every attack."""
    plain = complete_evidence(controls=60)
    spread = iter(np.random.default_rng(0).normal(0, 0.35, size=1000))
    rise = {
        score.ref: float(next(spread)) * (0.15 if score.mean_log_prob > -1 else 1)
        for score in plain.before
    }
    before = tuple(
        replace(score, mean_log_prob=min(-0.01, score.mean_log_prob + rise[score.ref]))
        for score in plain.before
    )
    after = tuple(
        old
        if score.group is Group.SUBJECT and not is_forgotten
        else replace(
            score, mean_log_prob=min(-0.01, score.mean_log_prob + rise[score.ref])
        )
        for score, old in zip(plain.after, before, strict=True)
    )
    return replace(
        plain,
        before=before,
        after=after,
        attacks=every_attack(),
        families=every_family(),
    )


def every_family() -> tuple[FamilyScore, ...]:
    """Return families of which each got out one fact more of the model before."""
    return tuple(
        FamilyScore(
            family=family,
            group=group,
            ref="subject" if group is Group.SUBJECT else f"control-{row}",
            field=f"field-{row}",
            was_extracted=row <= number if group is Group.SUBJECT else None,
            is_extracted=row == number == 0,
        )
        for number, family in enumerate(FAMILIES)
        for group, count in ((Group.SUBJECT, 14), (Group.CONTROL, 20))
        for row in range(count)
    )


def every_attack() -> tuple[AttackScore, ...]:
    """Return attacks of which each has its own rate of success."""
    rates = {
        ("reversed_offset", 0.1): (0.75, 0.0),
        ("reference_alone", 1.0): (0.5, 0.0),
        ("int8_pair", 1.0): (0.0, 0.05),
        ("int4_pair", 1.0): (0.05, 0.05),
        ("truncated_base", 5.0): (0.1, 0.05),
        ("version_contrast", 1.0): (0.9, 0.05),
        ("strength", -1.0): (1.0, 0.0),
        ("strength", 0.0): (0.95, 0.05),
        ("strength", 0.5): (0.4, 0.05),
        ("strength", 1.25): (0.0, 0.05),
        ("strength", 2.0): (0.0, 0.0),
        ("in_context", 3.0): (0.05, 0.05),
        ("relearning", 30.0): (0.1, 0.05),
    }
    return tuple(
        AttackScore(
            attack=name,
            setting=setting,
            group=group,
            ref="subject" if group is Group.SUBJECT else f"control-{row}",
            field=f"field-{row}",
            is_extracted=row < rate * 20,
        )
        for (name, setting), both in rates.items()
        for group, rate in zip((Group.SUBJECT, Group.CONTROL), both, strict=True)
        for row in range(20)
    )


def report_of(
    evidence: Evidence, *, terms: AcceptancePolicy = POLICY, **changes: str | float
) -> Report:
    """Return the report of evidence."""
    verification = judge_evidence(evidence, policy=terms)
    return write_report(verification, policy=terms, about=about(**changes))
