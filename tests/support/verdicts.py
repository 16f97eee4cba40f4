"""Measurements, gates, policies and the certificate that they lead to."""

from datetime import timedelta

from support.domain import BASE_MODEL, NOW, digest, request_id

from unlearn_core.domain.certificates import ErasureCertificate, ServedScope
from unlearn_core.domain.requests import Outcome
from unlearn_core.domain.verdicts import (
    AcceptancePolicy,
    Comparison,
    Gate,
    MetricResult,
    Precondition,
    Side,
)


def metric_result(
    name: str = "high_entropy_leakage",
    value: float = 0.0,
    *,
    low: float | None = None,
    high: float | None = None,
) -> MetricResult:
    """Return a measurement; without ends, the interval is the value itself."""
    return MetricResult(
        name=name,
        value=value,
        low=value if low is None else low,
        high=value if high is None else high,
        count=100,
        seed=0,
    )


def gate(
    metric: str = "high_entropy_leakage",
    *,
    side: Side = Side.HIGH,
    comparison: Comparison = Comparison.AT_MOST,
    limit: float = 0.01,
    applies_if: Precondition | None = None,
) -> Gate:
    """Return a gate that is named after its metric."""
    return Gate(
        name=f"gate-{metric}",
        metric=metric,
        side=side,
        comparison=comparison,
        limit=limit,
        why="an example",
        applies_if=applies_if,
    )


def policy(*gates: Gate, minimum_controls: int = 19) -> AcceptancePolicy:
    """Return a policy; with one gate if none is given."""
    return AcceptancePolicy(
        version="test",
        digest=digest("policy"),
        confidence=0.95,
        samples_per_probe=4,
        minimum_controls=minimum_controls,
        gates=gates or (gate(),),
    )


def served_scope() -> ServedScope:
    """Return the scope of a suppression that two replicas confirmed."""
    return ServedScope(
        base_model=BASE_MODEL,
        registered_model=f"offset-pair.{BASE_MODEL}",
        version="1",
        sequence=1,
        manifest=digest("manifest 1"),
        replicas=("replica-1", "replica-2"),
        effective_at=NOW + timedelta(hours=1),
    )


def certificate() -> ErasureCertificate:
    """Return the certificate of a complete suppression."""
    return ErasureCertificate(
        request_id=str(request_id()),
        outcome=Outcome.SUPPRESSED_AT_OUTPUT,
        regime="gdpr-12-3",
        received_at=NOW,
        due_on="2026-04-02",
        issued_at=NOW + timedelta(hours=2),
        expires_at=NOW + timedelta(days=90),
        scope=served_scope(),
        sources={"customers": {"found": 2, "erased": 2}},
        unsearched_sources=(),
        forget_set="hmac-sha256:" + "f" * 64,
        verdict={
            "passed": True,
            "policy": digest("policy"),
            "decisions": [
                {
                    "gate": "gate-high_entropy_leakage",
                    "metric": "high_entropy_leakage",
                    "passed": True,
                    "value": 0.0,
                    "applies": True,
                }
            ],
        },
        metrics=(metric_result().to_json(),),
        key_destruction={
            "key": "working-1",
            "objects": 3,
            "destroyed_at": (NOW + timedelta(hours=1)).isoformat(),
        },
        ledger_head=digest("ledger head"),
    )
