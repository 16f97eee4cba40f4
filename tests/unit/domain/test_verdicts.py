import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.domain import digest
from support.verdicts import gate, metric_result, policy

from unlearn_core.domain.canonical import canonical_json
from unlearn_core.domain.verdicts import (
    AcceptancePolicy,
    Comparison,
    GateDecision,
    MetricResult,
    Precondition,
    Side,
    Verdict,
    decide,
)

NUMBERS = st.floats(-2, 2)


@pytest.mark.parametrize(
    ("comparison", "below", "at", "above"),
    [
        ("at_least", False, True, True),
        ("at_most", True, True, False),
        ("above", False, False, True),
    ],
)
def test_a_gate_compares_with_its_limit(
    comparison: str, *, below: bool, at: bool, above: bool
) -> None:
    asked = gate(side=Side.VALUE, comparison=Comparison(comparison), limit=0.5)
    said = [asked.admits(metric_result(value=value)) for value in (0.4, 0.5, 0.6)]
    assert said == [below, at, above]


@pytest.mark.parametrize(
    ("side", "number"), [("value", 0.2), ("low", 0.1), ("high", 0.3)]
)
def test_a_gate_looks_at_one_number_only(side: str, number: float) -> None:
    result = metric_result(value=0.2, low=0.1, high=0.3)
    asked = policy(gate(side=Side(side), comparison=Comparison.AT_LEAST, limit=number))
    verdict = decide({result.name: result}, policy=asked)
    assert verdict.passed
    assert verdict.decisions[0].value == number
    stricter = policy(
        gate(side=Side(side), comparison=Comparison.ABOVE, limit=number),
    )
    assert not decide({result.name: result}, policy=stricter).passed


@pytest.mark.parametrize("comparison", Comparison)
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_never_passes(
    comparison: Comparison, number: float
) -> None:
    asked = gate(side=Side.VALUE, comparison=comparison, limit=0.0)
    assert not asked.admits(metric_result(value=number))


@pytest.mark.parametrize("comparison", Comparison)
def test_a_missing_measurement_never_passes(comparison: Comparison) -> None:
    asked = policy(gate(comparison=comparison, limit=-1.0))
    verdict = decide({}, policy=asked)
    assert not verdict.passed
    assert verdict.decisions == (
        GateDecision(
            gate="gate-high_entropy_leakage",
            metric="high_entropy_leakage",
            passed=False,
            value=None,
        ),
    )


def test_measurements_that_no_gate_asks_for_do_not_help() -> None:
    other = metric_result("mood", 1.0)
    assert not decide({"mood": other}, policy=policy()).passed


def test_a_policy_without_gates_accepts_nothing() -> None:
    empty = AcceptancePolicy(
        version="0",
        digest=digest("policy"),
        confidence=0.95,
        samples_per_probe=1,
        minimum_controls=19,
        gates=(),
    )
    assert not decide({"mood": metric_result("mood")}, policy=empty).passed


def test_one_failed_gate_fails_the_whole_and_is_named() -> None:
    asked = policy(
        gate("leakage", limit=0.01),
        gate("utility", side=Side.LOW, comparison=Comparison.AT_LEAST, limit=-0.02),
        gate("shift", limit=0.25),
    )
    results = {
        "leakage": metric_result("leakage", 0.0, low=0.0, high=0.009),
        "utility": metric_result("utility", 0.0, low=-0.03, high=0.03),
        "shift": metric_result("shift", 0.1),
    }
    verdict = decide(results, policy=asked)
    assert not verdict.passed
    assert verdict.failed_gates == ("gate-utility",)
    assert [item.value for item in verdict.decisions] == [0.009, -0.03, 0.1]


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=6), st.data())
def test_taking_a_measurement_away_never_turns_a_rejection_into_a_pass(
    pairs: list[tuple[float, float]], data: st.DataObject
) -> None:
    asked = policy(
        *(gate(f"m{number}", limit=limit) for number, (_, limit) in enumerate(pairs))
    )
    results = {
        f"m{number}": metric_result(f"m{number}", value)
        for number, (value, _) in enumerate(pairs)
    }
    whole = decide(results, policy=asked)
    assert whole.passed == all(value <= limit for value, limit in pairs)
    del results[data.draw(st.sampled_from(sorted(results)))]
    assert not decide(results, policy=asked).passed


def test_a_verdict_is_written_with_every_decision() -> None:
    verdict = decide(
        {"leakage": metric_result("leakage", 0.5)}, policy=policy(gate("leakage"))
    )
    assert verdict.to_json() == {
        "passed": False,
        "policy": digest("policy"),
        "decisions": [
            {
                "gate": "gate-leakage",
                "metric": "leakage",
                "passed": False,
                "value": 0.5,
                "applies": True,
            }
        ],
    }


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_an_undefined_number_is_written_as_none_not_as_a_crash(number: float) -> None:
    result = MetricResult(
        name="leakage", value=number, low=number, high=0.5, count=3, seed=7
    )
    verdict = decide({"leakage": result}, policy=policy(gate("leakage", side=Side.LOW)))
    assert json.loads(canonical_json(verdict.to_json()))["decisions"][0] == {
        "gate": "gate-leakage",
        "metric": "leakage",
        "passed": False,
        "value": None,
        "applies": True,
    }
    assert json.loads(canonical_json(result.to_json())) == {
        "name": "leakage",
        "value": None,
        "low": None,
        "high": 0.5,
        "count": 3,
        "seed": 7,
    }


def test_a_gate_for_people_with_neighbours_does_not_apply_to_one_without() -> None:
    conditions = policy(
        gate("leakage"), gate("kept", applies_if=Precondition.NEIGHBOURS)
    )
    results = {"leakage": metric_result("leakage", 0.0)}
    with_neighbours = decide(results, policy=conditions)
    without = decide(results, policy=conditions, present=())
    assert with_neighbours.failed_gates == ("gate-kept",)
    assert without.passed
    assert [item.applies for item in without.decisions] == [True, False]


def test_a_verdict_of_which_no_gate_applies_is_a_rejection() -> None:
    conditions = policy(gate("kept", applies_if=Precondition.NEIGHBOURS))
    assert not decide({}, policy=conditions, present=()).passed


def test_a_verdict_that_passed_names_no_gate() -> None:
    passed = GateDecision(gate="g", metric="m", passed=True, value=0.0)
    verdict = Verdict(passed=True, policy=digest("policy"), decisions=(passed,))
    assert verdict.failed_gates == ()


def test_some_gates_of_a_policy_are_still_gates_of_that_policy() -> None:
    whole = policy(gate("two_sided_p"), gate("retain_shift"))
    part = whole.with_gates(["gate-retain_shift", "gate-unknown"])
    assert [item.metric for item in part.gates] == ["retain_shift"]
    assert part.digest == whole.digest
