"""Verifying again: which gates, and at which level.

**Which gates.** Those that can be decided from the subject and from never-trained
people alone. Gates about people who stay would need their data for as long as the
certificate may be renewed; every later version is judged by them when it is made.

**At which level.** Whoever measures again and again will pass some day by chance. Of
the error that all re-verifications of one certificate may spend together, the policy's
own, the n-th gets ``6 / (pi n)^2`` (`spent_error`). Intervals become wider by that, and
more answers are sampled, so that the same limits can still be met: if nothing leaks in
m answers, the upper end is ``1 - t^(1/m)``, so m grows with ``log t``.

The level of a test that must *not* reject stays as it is. A smaller one would only make
it easier to pass.
"""

import math
from dataclasses import dataclass, replace

from unlearn_core.domain.evaluation import ASKED_AGAIN
from unlearn_core.domain.verdicts import AcceptancePolicy
from unlearn_core.metrics.attacks import LATENT_PROBES
from unlearn_core.metrics.base import Evidence, Scores
from unlearn_core.metrics.bounds import spent_error
from unlearn_core.verification.suite import compute


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How surely one re-verification has to know.

    Attributes:
        confidence: Level of its intervals.
        effort: How many times the answers of the first verification are sampled.
    """

    confidence: float
    effort: float


def level_of(number: int, *, confidence: float) -> Level:
    """Return the level of the n-th re-verification, counted from 1.

    Args:
        number: Which one it is.
        confidence: Level of the policy's intervals.
    """
    error = 1 - confidence
    spent = spent_error(error, number)
    return Level(confidence=1 - spent, effort=math.log(spent / 2) / math.log(error / 2))


def renewal_policy(policy: AcceptancePolicy, *, number: int) -> AcceptancePolicy:
    """Return the policy of the n-th re-verification, counted from 1."""
    level = level_of(number, confidence=policy.confidence)
    return replace(
        policy,
        confidence=level.confidence,
        samples_per_probe=math.ceil(level.effort * policy.samples_per_probe),
    )


def repeatable_gates(policy: AcceptancePolicy, evidence: Evidence) -> tuple[str, ...]:
    """Return the names of the gates that can be asked again.

    It is decided when the pair is verified, so that no gate can be dropped later for
    want of a measurement.

    Args:
        policy: The policy.
        evidence: Evidence of the verification, everybody included.
    """
    kept = replace(
        evidence,
        before=_asked_again(evidence.before),
        after=_asked_again(evidence.after),
        attacks=tuple(
            item for item in evidence.attacks if item.attack not in LATENT_PROBES
        ),
        guards=(),
    )
    return tuple(
        gate.name for gate in policy.gates if compute(gate.metric, kept) is not None
    )


def _asked_again(scores: Scores) -> Scores:
    return tuple(score for score in scores if score.group in ASKED_AGAIN)
