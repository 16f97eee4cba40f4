import pytest
from support.evidence import evidence, score

from unlearn_core.domain.datasets import Group
from unlearn_core.metrics.base import MissingEvidenceError
from unlearn_core.metrics.exposure import canary_exposure, exposure


@pytest.mark.parametrize(
    ("true", "others", "bits"),
    [
        (-1.0, (-2.0, -3.0, -4.0), 2.0),  # first of four
        (-1.0, (-0.5, -3.0, -4.0), 1.0),  # second of four
        (-1.0, (-1.0, -3.0, -4.0), 1.0),  # as likely as another
        (-9.0, (-2.0, -3.0, -4.0), 0.0),  # last
    ],
)
def test_exposure_counts_how_many_values_are_likelier(
    true: float, others: tuple[float, ...], bits: float
) -> None:
    assert exposure(true, others) == bits


def test_facts_are_averaged_and_nobody_else_is_looked_at() -> None:
    """One bit and two bits, of two that can be seen."""
    found = canary_exposure(
        evidence(
            score(mean_log_prob=-1, alternative_mean_log_probs=(-0.5, -3, -4)),
            score(
                field="phone",
                mean_log_prob=-1,
                alternative_mean_log_probs=(-2, -3, -4),
            ),
            score(Group.CONTROL, "c-0", alternative_mean_log_probs=(0, 0, 0)),
        )
    )
    assert (found.value, found.count) == (1.5, 2)
    # Hoeffding at .75 of two facts: ln 40 / 2 = 1.844 in divergence from .75.
    assert 0 < found.low < 1.5 < found.high <= 2


def test_without_other_values_there_is_no_rank() -> None:
    with pytest.raises(MissingEvidenceError):
        canary_exposure(evidence(score()))
