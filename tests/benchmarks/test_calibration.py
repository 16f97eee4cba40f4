import pytest
from support.calibration import POLICY, TEST, person
from support.verdicts import gate, policy

from benchmarks.calibration import SHIPPED, line_of, plan_of, without_attacks
from benchmarks.calibration_cells import CONDITIONS, Strangers
from unlearn_core.verification.policy import load_policy

WORLD = Strangers(
    as_subjects={f"control-{number}": float(number) for number in range(60)},
    as_controls={f"control-{number}": float(number) for number in range(60)},
)


def test_most_people_are_asked_under_the_retrained_model() -> None:
    plan = plan_of(CONDITIONS, people=16, others=4)
    assert plan == {
        "retrained": 16,
        "base": 4,
        "default": 4,
        "overshoot": 4,
        "undertrained": 4,
    }
    assert plan_of(["base", "default"], people=2, others=4) == {
        "base": 2,
        "default": 2,
    }


def test_the_line_has_what_readers_of_it_expect() -> None:
    """One of two retrained people passes; of sixty strangers, two are at the ends."""
    people = {"retrained": [person(0.4), person(0.01)], "base": [person(0.01)]}
    assert line_of(people, [WORLD, WORLD], policy=POLICY) == {
        "seeds": 2,
        "retrained_pass": 0.5,
        "base_pass": 0.0,
        "overshoot_pass": None,
        "undertrained_pass": None,
        "default_pass": None,
        "false_alarm": pytest.approx(4 / 120),
        "false_alarm_bound": pytest.approx(7 / 120),
    }


def test_gates_on_attacks_and_families_are_left_out() -> None:
    attacked = policy(
        TEST, gate("reversed_offset_extraction"), gate("family_extraction_excess")
    )
    assert without_attacks(attacked).gates == (TEST,)


def test_the_shipped_policy_is_judged_but_for_its_attacks() -> None:
    shipped = load_policy(SHIPPED)
    judged = without_attacks(shipped)
    assert set(shipped.gates) - set(judged.gates) == {
        gate for gate in shipped.gates if gate.name.startswith("G5")
    }
