from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.evidence import evidence, score

from unlearn_core.domain.datasets import Group
from unlearn_core.metrics.base import Evidence
from unlearn_core.metrics.exchangeability import (
    control_contamination,
    control_exchangeability,
)


def people(controls: Sequence[float], retained: Sequence[float] = (-0.1,)) -> Evidence:
    """Return people whose statistics before are these; afterwards all are alike."""
    groups = ((Group.CONTROL, controls), (Group.RETAINED, retained))
    before = [
        score(group, f"{group}-{number}", mean_log_prob=value)
        for group, values in groups
        for number, value in enumerate(values)
    ]
    return evidence(*(score(item.group, item.ref) for item in before), before=before)


def test_two_kinds_of_people_one_after_the_other_are_not_exchangeable() -> None:
    """Complete separation of 4 and 4: the two extreme ones of 70 choices."""
    found = control_exchangeability(people([-1.0, -2.0, -3.0, -4.0, -5, -6, -7, -8]))
    assert found.value == found.low == found.high == pytest.approx(2 / 70)
    assert found.count == 8


def test_two_kinds_of_people_well_mixed_are_exchangeable() -> None:
    found = control_exchangeability(people([-1.0, -8.0, -2.0, -7, -3, -6, -4, -5]))
    assert found.value > 0.5


def test_the_number_in_the_ref_is_the_place_in_the_source() -> None:
    """Control people come in any order, and 10 comes after 9."""
    values = [-float(number) for number in range(12)]
    ordered = people(values)
    mixed = evidence(*ordered.after, before=sorted(ordered.before, key=str))
    assert control_exchangeability(mixed) == control_exchangeability(ordered)
    assert control_exchangeability(mixed).value == pytest.approx(2 / 924)


def distance(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the greatest distance of two empirical distribution functions."""
    return max(
        abs(
            sum(item <= place for item in first) / len(first)
            - sum(item <= place for item in second) / len(second)
        )
        for place in (*first, *second)
    )


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-50, 0), min_size=8, max_size=9, unique=True))
def test_the_p_value_is_that_of_all_ways_to_halve_the_people(values: list[int]) -> None:
    half = len(values) // 2
    observed = distance(values[:half], values[half:])
    halves = [
        distance(chosen, [item for item in values if item not in chosen])
        for chosen in combinations(values, half)
    ]
    exact = sum(item >= observed - 1e-9 for item in halves) / len(halves)
    found = control_exchangeability(people([float(item) for item in values]))
    assert found.value == pytest.approx(exact)


@pytest.mark.parametrize(("count", "least"), [(7, 2 / 35), (8, 2 / 70), (1, 1.0)])
def test_eight_people_are_the_fewest_who_can_fail(count: int, least: float) -> None:
    found = control_exchangeability(people([-float(item) for item in range(count)]))
    assert found.value == pytest.approx(least)


def test_strangers_do_not_look_trained() -> None:
    """None of 20, upper end 1 - .025 ** (1/20)."""
    found = control_contamination(people([-5.0] * 20, retained=[-0.1] * 19 + [-0.2]))
    assert (found.value, found.low, found.count) == (0.0, 0.0, 20)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 20))


def test_reserved_people_who_were_trained_are_counted() -> None:
    """One as known as the middle of the retained, one just under all 39 of them.

    The latter has p = 1/40, the one who ties with the least known p = 2/40.
    """
    retained = [-0.1] * 20 + [-0.2] * 18 + [-0.3]
    found = control_contamination(people([-0.1, -0.3, -0.31, -5.0], retained=retained))
    assert found.value == 0.25


def test_few_retained_people_prove_nobody_a_stranger() -> None:
    assert control_contamination(people([-5.0], retained=[-0.1] * 18)).value == 1.0
