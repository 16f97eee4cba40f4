"""From verified people to rates, and to the limits that a retrained model needs."""

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from scipy import stats

from benchmarks.calibration_cells import Strangers, Verified
from benchmarks.forgetting_cells import Cell
from benchmarks.forgetting_summary import CONFIDENCE, area
from unlearn_core.domain.verdicts import AcceptancePolicy, Comparison, Gate
from unlearn_core.metrics.intervals import clopper_pearson, conformal_p_value

PASSING_SHARE = 0.95
"""Share of people for whom a retrained model has to pass."""


def passed(people: Sequence[Verified], policy: AcceptancePolicy) -> list[bool]:
    """Tell of each person whether the model passes."""
    return [person.judged(policy).passed for person in people]


def pass_rate(people: Sequence[Verified], policy: AcceptancePolicy) -> float | None:
    """Return the share of people for whom the model passes; None without people."""
    return fmean(passed(people, policy)) if people else None


def forgotten_rate(
    people: Sequence[Verified], policy: AcceptancePolicy
) -> float | None:
    """Return the pass rate with the gates aside that ask how others fare.

    Those compare with the base. A retrained model is another training, so it differs
    from the base for everybody; this says what it is rejected for beside that.
    """
    gates = tuple(gate for gate in policy.gates if not gate.name.startswith("G4"))
    return pass_rate(people, replace(policy, gates=gates))


def pass_interval(
    people: Sequence[Verified], policy: AcceptancePolicy
) -> tuple[float, float]:
    """Return the exact interval of the rate, as if people were independent.

    People of one world share its models, so the truth is wider.
    """
    return clopper_pearson(
        sum(passed(people, policy)), len(people), confidence=CONFIDENCE
    )


def failures(people: Sequence[Verified], policy: AcceptancePolicy) -> dict[str, int]:
    """Count for every gate how many people it rejects."""
    failed = [name for person in people for name in person.judged(policy).failed_gates]
    return {gate.name: failed.count(gate.name) for gate in policy.gates}


def limit_needed(gate: Gate, people: Sequence[Verified]) -> float | None:
    """Return the strictest limit that lets enough of these people through.

    Enough is `PASSING_SHARE` of those to whom the gate applies; None if it applies to
    nobody, or if the metric is missing for too many. A gate that asks for more than
    its limit needs one just below.
    """
    applying = [
        person.results.get(gate.metric)
        for person in people
        if gate.applies_if is None or gate.applies_if in person.present
    ]
    numbers = sorted(
        (float(getattr(item, gate.side.value)) for item in applying if item),
        reverse=gate.comparison is not Comparison.AT_MOST,
    )
    place = math.ceil(PASSING_SHARE * len(applying)) - 1
    return numbers[place] if 0 <= place < len(numbers) else None


def partners(cells: Sequence[Cell], retrained: Sequence[Cell]) -> list[Cell]:
    """Return the same people under the retrained model; nobody if one is missing."""
    found = {(cell.world, cell.subject): cell for cell in retrained}
    keys = [(cell.world, cell.subject) for cell in cells]
    return [found[key] for key in keys] if all(key in found for key in keys) else []


def distance_to_controls(cells: Sequence[Cell]) -> float:
    """Return how far people are from strangers: 0 is alike, 1 is apart.

    The places of people among the control people under the same model are uniform if
    both are exchangeable; this is the greatest distance from that (Kolmogorov). Places
    are compared, so that worlds and models may differ in what they find likely.
    """
    places = [area([cell]) for cell in cells]
    return float(stats.kstest(places, "uniform").statistic)


def flagged(strangers: Strangers, *, level: float) -> list[bool]:
    """Tell of every never-trained person whether the two-sided test singles it out.

    Each is asked as a subject is and compared with the others, asked as controls are.
    Asked the same, everybody would have a fixed place among the others, and the number
    of flags would be known beforehand.
    """
    return [
        conformal_p_value(
            own,
            [value for other, value in strangers.as_controls.items() if other != ref],
        )
        <= level
        for ref, own in strangers.as_subjects.items()
    ]


def flag_rate(controls: int, *, level: float) -> float:
    """Return how often an exact test at a level flags, given its controls.

    P-values are multiples of ``2 / (controls + 1)``, so it is less than the level.
    """
    steps = math.floor(level * (controls + 1) / 2 + 1e-9)
    return 2 * steps / (controls + 1)


def false_alarm_bound(worlds: Sequence[Strangers], *, level: float) -> float | None:
    """Return the rate of flags that an exact test exceeds with 5% chance at most.

    The exact quantile of as many independent tests as there are people. Tests that
    share their controls vary less, so the chance is smaller than that.
    """
    people = sum(len(world.as_subjects) for world in worlds)
    if not people:
        return None
    rate = max(flag_rate(len(world.as_controls) - 1, level=level) for world in worlds)
    return float(stats.binom.ppf(CONFIDENCE, people, rate)) / people
