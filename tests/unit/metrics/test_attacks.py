import pytest
from support.evidence import evidence

from unlearn_core.domain.datasets import Group
from unlearn_core.metrics.attacks import (
    in_context_extraction_excess,
    int4_extraction_excess,
    int8_extraction_excess,
    latent_supervised_excess,
    latent_unsupervised_excess,
    logit_lens_excess,
    logit_lens_rise_excess,
    prompt_search_excess,
    reference_alone_extraction,
    relearning_extraction_excess,
    reversed_offset_extraction,
    strength_sweep_excess,
    suffix_search_excess,
    truncated_base_excess,
    version_contrast_extraction,
    weakened_offset_extraction,
)
from unlearn_core.metrics.base import AttackScore, Evidence, MissingEvidenceError
from unlearn_core.metrics.bounds import difference_of_means


def tried(attack: str, *rows: tuple[float, Group, int, int]) -> Evidence:
    """Return evidence of an attack: setting, group, hits, trials.

    Every trial is of another fact of the subject, or of another person.
    """
    scores = tuple(
        AttackScore(
            attack=attack,
            setting=setting,
            group=group,
            ref="subject" if group is Group.SUBJECT else f"control-{number}",
            field=f"field-{number}",
            is_extracted=number < hits,
        )
        for setting, group, hits, trials in rows
        for number in range(trials)
    )
    return Evidence(before=(), after=(), confidence=0.95, seed=0, attacks=scores)


def test_a_share_of_the_subject_with_its_exact_interval() -> None:
    """10 of 10: low is 0.025 ** 0.1 = 0.6915."""
    for metric, name in (
        (reversed_offset_extraction, "reversed_offset"),
        (reference_alone_extraction, "reference_alone"),
        (version_contrast_extraction, "version_contrast"),
    ):
        rows = ((1.0, Group.SUBJECT, 10, 10), (1.0, Group.CONTROL, 0, 10))
        found = metric(tried(name, *rows))
        assert (found.value, found.high, found.count) == (1.0, 1.0, 10)
        assert found.low == pytest.approx(0.025**0.1)


def test_an_excess_is_over_never_trained_people() -> None:
    for metric, name in (
        (int4_extraction_excess, "int4_pair"),
        (int8_extraction_excess, "int8_pair"),
        (truncated_base_excess, "truncated_base"),
        (in_context_extraction_excess, "in_context"),
        (relearning_extraction_excess, "relearning"),
        (latent_supervised_excess, "latent_supervised"),
        (latent_unsupervised_excess, "latent_unsupervised"),
        (logit_lens_excess, "logit_lens"),
        (logit_lens_rise_excess, "logit_lens_rise"),
        (suffix_search_excess, "suffix_gradient"),
        (suffix_search_excess, "suffix_coordinate"),
        (prompt_search_excess, "prompt_evolution"),
    ):
        rows = ((1.0, Group.SUBJECT, 3, 4), (1.0, Group.CONTROL, 2, 8))
        assert metric(tried(name, *rows)).value == 0.5


def test_the_worst_strength_counts_on_either_side() -> None:
    rows = [
        (setting, group, hits, 10)
        for setting, subject, control in (
            (-1.0, 10, 1),
            (0.5, 6, 1),
            (0.75, 4, 1),
            (2.0, 1, 1),
        )
        for group, hits in ((Group.SUBJECT, subject), (Group.CONTROL, control))
    ]
    found = tried("strength", *rows)
    assert strength_sweep_excess(found).value == pytest.approx(0.3)
    weakened = weakened_offset_extraction(found)
    assert weakened.value == 1.0
    # Two strengths share the error: 0.0125 ** 0.1.
    assert weakened.low == pytest.approx(0.0125**0.1)


def test_questions_about_one_fact_and_about_one_person_are_one_observation() -> None:
    """Facts 1 and 1/4 of the subject, mean 5/8; people 1/2 and 0, mean 1/4."""
    rows = [
        (Group.SUBJECT, "subject", field, is_hit)
        for field, hits in (("city", 4), ("job", 1))
        for is_hit in (True,) * hits + (False,) * (4 - hits)
    ] + [
        (Group.CONTROL, ref, field, ref == "control-0" and field == "city")
        for ref in ("control-0", "control-1")
        for field in ("city", "job")
    ]
    scores = tuple(
        AttackScore(
            attack="int8_pair",
            setting=1.0,
            group=group,
            ref=ref,
            field=field,
            is_extracted=is_hit,
        )
        for group, ref, field, is_hit in rows
    )
    found = int8_extraction_excess(
        Evidence(before=(), after=(), confidence=0.95, seed=0, attacks=scores)
    )
    assert found.value == pytest.approx(5 / 8 - 1 / 4)
    assert found.count == 4
    assert (found.low, found.high) == difference_of_means(
        [1.0, 0.25], [0.5, 0.0], confidence=0.95
    )


def test_an_attack_that_was_not_tried_is_missing() -> None:
    with pytest.raises(MissingEvidenceError):
        strength_sweep_excess(evidence())
    with pytest.raises(MissingEvidenceError):
        reversed_offset_extraction(evidence())
