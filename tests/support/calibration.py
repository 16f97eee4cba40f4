"""People who were verified, for tests of the calibration."""

from support.verdicts import gate, metric_result, policy

from benchmarks.calibration_cells import Verified
from benchmarks.forgetting_cells import Cell
from unlearn_core.domain.verdicts import Comparison, Precondition, Side

CELL = Cell(
    world=0,
    subject=0,
    true={"subject": [False], "retained": [True], "neighbour": [True]},
    facts=[-3.0, -2.0],
    controls={"control-0": -4.0, "control-1": -3.0, "control-2": -2.0},
    leaked=[False],
)
TEST = gate("two_sided_p", side=Side.VALUE, comparison=Comparison.ABOVE, limit=0.05)
POLICY = policy(TEST)


def person(
    value: float, *present: Precondition, metric: str = "two_sided_p"
) -> Verified:
    """Return somebody of whom one metric was measured."""
    return Verified(
        cell=CELL, results={metric: metric_result(metric, value)}, present=present
    )
