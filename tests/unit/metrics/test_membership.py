from dataclasses import replace

import pytest
from support.evidence import evidence, score

from unlearn_core.domain.datasets import Group
from unlearn_core.metrics.base import MissingEvidenceError, ProbeScore, Variation
from unlearn_core.metrics.membership import (
    membership_loss,
    membership_min_k,
    membership_min_k_plus_plus,
    membership_reference,
    membership_spv,
    membership_zlib,
    privacy_leakage_without_retraining,
)


def stranger(number: int, **values: object) -> ProbeScore:
    return replace(score(Group.CONTROL, f"control-{number}"), **values)  # type: ignore[arg-type]  # fields by name


def test_likelihood_counts_pairs_of_facts() -> None:
    """-1 and -3 against -2 and -3: won, won, lost, tied."""
    found = membership_loss(
        evidence(
            score(mean_log_prob=-1.0),
            score(field="phone", mean_log_prob=-3.0),
            stranger(0, mean_log_prob=-2.0),
            stranger(1, mean_log_prob=-3.0),
        )
    )
    assert (found.value, found.count) == pytest.approx((2.5 / 4, 4))
    # sqrt(ln 40 / 4) = 0.96 either way.
    assert (found.low, found.high) == (0.0, 1.0)


def test_a_longer_answer_may_be_less_likely_per_byte() -> None:
    """-2/40 = -0.05 is more than -1/10."""
    long = replace(score(mean_log_prob=-2.0), compressed_bytes=40)
    short = stranger(0, mean_log_prob=-1.0, compressed_bytes=10)
    assert membership_zlib(evidence(long, short)).value == 1.0
    assert membership_loss(evidence(long, short)).value == 0.0


def test_the_least_likely_tokens_decide() -> None:
    """Lowest two of five: (-6 - 1) / 2 = -3.5 against (-4 - 4) / 2 = -4."""
    subject = replace(score(), token_log_probs=(-1.0, -6.0, 0.0, 0.0, 0.0))
    control = stranger(0, token_log_probs=(-4.0, -4.0, 0.0, 0.0, 0.0))
    found = evidence(subject, control)
    assert membership_min_k(found).value == 1.0
    leakage = privacy_leakage_without_retraining(found)
    assert (leakage.value, leakage.low, leakage.high) == (-100.0, -100.0, 100.0)


def test_standardised_tokens_are_looked_at_by_themselves() -> None:
    subject = replace(score(), token_log_probs=(-9.0,), token_z_scores=(0.5,))
    control = stranger(0, token_log_probs=(-1.0,), token_z_scores=(-0.5,))
    found = evidence(subject, control)
    assert membership_min_k_plus_plus(found).value == 1.0
    assert membership_min_k(found).value == 0.0


def test_the_version_before_gives_the_subject_away() -> None:
    """As likely as a stranger now, but it fell from -1 to -3."""
    after = (score(mean_log_prob=-3.0), stranger(0, mean_log_prob=-3.0))
    before = (score(mean_log_prob=-1.0), after[1])
    assert membership_reference(evidence(*after, before=before)).value == 0.0
    assert membership_loss(evidence(*after, before=before)).value == 0.5
    with pytest.raises(MissingEvidenceError, match="not asked the same"):
        membership_reference(evidence(*after, before=before[:1]))


def test_what_was_not_measured_is_missing() -> None:
    empty = replace(score(), token_log_probs=(), token_z_scores=(), compressed_bytes=0)
    for metric in (membership_min_k, membership_min_k_plus_plus, membership_zlib):
        with pytest.raises(MissingEvidenceError):
            metric(evidence(empty, stranger(0)))


def stands_out(
    group: Group, field: str, served: float, calibrating: float
) -> Variation:
    return Variation(
        group=group,
        ref=f"{group}-0",
        field=field,
        served=served,
        calibrating=calibrating,
    )


def test_what_stands_out_anyway_is_taken_off() -> None:
    """Facts 1 and -.5 against 0 and 1: won, tied, lost, lost. One is a mean of two."""
    found = membership_spv(
        replace(
            evidence(score()),
            variations=(
                stands_out(Group.SUBJECT, "city", 3.0, 1.0),
                stands_out(Group.SUBJECT, "city", 1.0, 1.0),
                stands_out(Group.SUBJECT, "phone", 0.5, 1.0),
                stands_out(Group.CONTROL, "city", 2.0, 2.0),
                stands_out(Group.CONTROL, "phone", 1.5, 0.5),
            ),
        )
    )
    assert (found.value, found.count) == (1.5 / 4, 4)


def test_without_calibration_nothing_is_said() -> None:
    with pytest.raises(MissingEvidenceError):
        membership_spv(evidence(score()))
    alone = (stands_out(Group.SUBJECT, "city", 1.0, 0.0),)
    with pytest.raises(MissingEvidenceError):
        membership_spv(replace(evidence(score()), variations=alone))
