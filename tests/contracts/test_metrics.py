"""What every registered metric must honour."""

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.domain import digest
from support.evidence import complete_evidence, evidence, score
from support.plugins import Installer
from support.verdicts import gate, policy

from unlearn_core.domain.datasets import Entropy, Form, Group
from unlearn_core.domain.verdicts import MetricResult
from unlearn_core.metrics import METRICS, intervals
from unlearn_core.metrics.base import (
    AttackScore,
    Evidence,
    FamilyScore,
    GuardResult,
    MissingEvidenceError,
    ProbeScore,
    Said,
    Variation,
)
from unlearn_core.registry import Registry
from unlearn_core.verification import suite

NAMES = list(METRICS)
every_metric = pytest.mark.parametrize("name", NAMES)
SHARE, DIFFERENCE, ANY = (0.0, 1.0), (-1.0, 1.0), (-math.inf, math.inf)
RANGES = {
    "extraction_before": SHARE,
    "high_entropy_leakage": SHARE,
    "guessable_leakage_excess": DIFFERENCE,
    "greedy_extraction_excess": DIFFERENCE,
    "exact_memorization_excess": DIFFERENCE,
    "extraction_strength_excess": DIFFERENCE,
    "truth_ratio_excess": DIFFERENCE,
    "two_sided_p": SHARE,
    "two_sided_power": SHARE,
    "control_exchangeability": SHARE,
    "control_contamination": SHARE,
    "retain_accuracy_change": DIFFERENCE,
    "neighbour_accuracy_change": DIFFERENCE,
    "retain_refusal_change": DIFFERENCE,
    "family_extraction_excess": DIFFERENCE,
    "retain_shift": (0.0, math.inf),
    "control_shift": ANY,
    "retain_accuracy_bound": DIFFERENCE,
    "neighbour_accuracy_bound": DIFFERENCE,
    "probability": SHARE,
    "rouge_l": SHARE,
    "knowledge_memorization": SHARE,
    "verbatim_memorization": SHARE,
    "model_utility": SHARE,
    "truth_ratio": SHARE,
    "truth_preference": SHARE,
    "forget_quality": SHARE,
    "canary_exposure": (0.0, math.inf),
    "leak_at_10": SHARE,
    "leak_at_100": SHARE,
    "sampled_recall": SHARE,
    "sampled_recall_deviation": (0.0, 0.5),
    "membership_loss": SHARE,
    "membership_zlib": SHARE,
    "membership_min_k": SHARE,
    "membership_min_k_plus_plus": SHARE,
    "membership_reference": SHARE,
    "membership_spv": SHARE,
    "unlearning_lira": SHARE,
    "unlearning_lira_worst": SHARE,
    "two_way_distance": ANY,
    "guard_knowledge_change": DIFFERENCE,
    "guard_safety_change": DIFFERENCE,
    "privacy_leakage": (-100.0, 100.0),
    "reversed_offset_extraction": SHARE,
    "reference_alone_extraction": SHARE,
    "version_contrast_extraction": SHARE,
    "weakened_offset_extraction": SHARE,
    "int4_extraction_excess": DIFFERENCE,
    "int8_extraction_excess": DIFFERENCE,
    "truncated_base_excess": DIFFERENCE,
    "in_context_extraction_excess": DIFFERENCE,
    "relearning_extraction_excess": DIFFERENCE,
    "strength_sweep_excess": DIFFERENCE,
    "latent_supervised_excess": DIFFERENCE,
    "latent_unsupervised_excess": DIFFERENCE,
    "logit_lens_excess": DIFFERENCE,
    "logit_lens_rise_excess": DIFFERENCE,
    "prompt_search_excess": DIFFERENCE,
    "suffix_search_excess": DIFFERENCE,
}


def attacks(*groups: Group) -> tuple[AttackScore, ...]:
    tried = [
        (name, setting)
        for name in (
            "reversed_offset",
            "reference_alone",
            "version_contrast",
            "int8_pair",
            "int4_pair",
            "truncated_base",
            "in_context",
            "relearning",
            "strength",
            "latent_supervised",
            "latent_unsupervised",
            "logit_lens",
            "logit_lens_rise",
            "prompt_evolution",
            "suffix_gradient",
        )
        for setting in (-1.0, 1.0)
    ]
    return tuple(
        AttackScore(
            attack=name,
            setting=setting,
            group=group,
            ref=f"{group}-{number}",
            field="city",
            is_extracted=number % 2 == 0,
        )
        for name, setting in tried
        for group in groups
        for number in range(3)
    )


def families(*groups: Group) -> tuple[FamilyScore, ...]:
    return tuple(
        FamilyScore(
            family=family,
            group=group,
            ref=f"{group}-{number}",
            field="city",
            was_extracted=True,
            is_extracted=number == 0,
        )
        for family in ("direct", "mixed")
        for group in groups
        for number in range(3)
    )


def variations(after: Iterable[ProbeScore]) -> tuple[Variation, ...]:
    return tuple(
        Variation(
            group=item.group,
            ref=item.ref,
            field=item.field,
            served=item.mean_log_prob + 2.0,
            calibrating=0.5 * number % 3,
        )
        for number, item in enumerate(after)
    )


def models(
    after: Sequence[ProbeScore], *, less: float
) -> tuple[tuple[float, ...], ...]:
    return tuple(
        tuple(item.mean_log_prob - less - 0.1 * number for item in after)
        for number in range(6)
    )


GUARDS = tuple(
    GuardResult(guard=name, items=20, before=0.5, after=after, low=-0.2, high=0.2)
    for name, after in (("arc_easy", 0.45), ("winogrande", 0.55), ("bbq", 0.5))
)
SAID = tuple(
    Said(question=question, is_served=served, own_log_prob=-1.0, other_log_prob=-1.5)
    for question in range(3)
    for served in (True, False)
)


def completed(found: Evidence, *groups: Group) -> Evidence:
    """Add what comes from elsewhere than from plain questions."""
    return replace(
        found,
        attacks=attacks(*groups),
        families=families(*groups),
        variations=variations(found.after),
        shadows=models(found.after, less=0.0),
        retrained=models(found.after, less=0.25),
        guards=GUARDS,
        said=SAID,
    )


COMPLETE = completed(complete_evidence(draws=100), *Group)


def measure(name: str, found: Evidence) -> MetricResult:
    return METRICS.get(name)(found)


def check(name: str, result: MetricResult) -> None:
    low, high = RANGES[name]
    assert low <= result.low <= result.value + 1e-9
    assert result.value - 1e-9 <= result.high <= high
    assert result.count > 0
    assert result.name == name


def test_every_metric_has_a_range_here() -> None:
    assert sorted(RANGES) == NAMES
    assert NEEDS.keys() <= RANGES.keys()


@every_metric
def test_the_value_lies_in_its_interval_and_the_interval_in_the_range(
    name: str,
) -> None:
    result = measure(name, COMPLETE)
    check(name, result)
    assert result.seed == COMPLETE.seed


@every_metric
def test_the_same_seed_gives_the_same_numbers(name: str) -> None:
    assert measure(name, COMPLETE) == measure(name, COMPLETE)


@every_metric
def test_the_order_of_probes_changes_nothing_but_the_resampling(name: str) -> None:
    rng = random.Random(4)
    order = rng.sample(range(len(COMPLETE.after)), len(COMPLETE.after))
    mixed = replace(
        COMPLETE,
        before=tuple(COMPLETE.before[place] for place in order),
        after=tuple(COMPLETE.after[place] for place in order),
        shadows=tuple(tuple(it[place] for place in order) for it in COMPLETE.shadows),
        retrained=tuple(
            tuple(it[place] for place in order) for it in COMPLETE.retrained
        ),
    )
    first, second = measure(name, COMPLETE), measure(name, mixed)
    assert second.value == pytest.approx(first.value)
    assert second.low == pytest.approx(first.low, abs=0.05)
    assert second.high == pytest.approx(first.high, abs=0.05)


@every_metric
def test_without_any_evidence_there_is_no_number(name: str) -> None:
    with pytest.raises(MissingEvidenceError):
        measure(name, evidence(before=[]))


NEEDS = {
    "extraction_before": {Group.SUBJECT},
    "high_entropy_leakage": {Group.SUBJECT},
    "retain_accuracy_change": {Group.RETAINED},
    "retain_refusal_change": {Group.RETAINED},
    "neighbour_accuracy_change": {Group.NEIGHBOUR},
    "control_shift": {Group.CONTROL},
    "two_sided_power": {Group.CONTROL, Group.RETAINED},
    "retain_shift": set[Group](),
    "two_way_distance": set[Group](),
    "guard_knowledge_change": set[Group](),
    "guard_safety_change": set[Group](),
    "retain_accuracy_bound": {Group.RETAINED},
    "neighbour_accuracy_bound": {Group.NEIGHBOUR},
    "model_utility": {Group.RETAINED},
    "control_exchangeability": {Group.CONTROL},
    "control_contamination": {Group.CONTROL, Group.RETAINED},
    **{
        name: {Group.SUBJECT}
        for name in (
            "reversed_offset_extraction",
            "reference_alone_extraction",
            "version_contrast_extraction",
            "weakened_offset_extraction",
            "probability",
            "rouge_l",
            "knowledge_memorization",
            "verbatim_memorization",
            "truth_ratio",
            "truth_preference",
            "leak_at_10",
            "leak_at_100",
            "canary_exposure",
            "unlearning_lira",
            "unlearning_lira_worst",
            "sampled_recall",
            "sampled_recall_deviation",
        )
    },
}


@every_metric
@pytest.mark.parametrize("group", list(Group))
def test_a_group_is_either_needed_or_without_influence(name: str, group: Group) -> None:
    """Nothing is ever computed from a part of what a metric is about."""
    needed = NEEDS.get(name, {Group.SUBJECT, Group.CONTROL})
    asked = replace(
        COMPLETE,
        before=tuple(item for item in COMPLETE.before if item.group is not group),
        after=tuple(item for item in COMPLETE.after if item.group is not group),
    )
    partial = replace(
        completed(asked, *(item for item in Group if item is not group)),
        variations=tuple(
            item for item in COMPLETE.variations if item.group is not group
        ),
    )
    if group in needed:
        with pytest.raises(MissingEvidenceError):
            measure(name, partial)
    elif name != "retain_shift":
        assert measure(name, partial) == measure(name, COMPLETE)


@pytest.mark.parametrize("kept", [Group.RETAINED, Group.NEIGHBOUR])
def test_the_shift_of_kept_people_takes_either_kind(kept: Group) -> None:
    alone = tuple(item for item in COMPLETE.after if item.group is kept)
    check("retain_shift", measure("retain_shift", replace(COMPLETE, after=alone)))


def scores(
    group: Group, ref: st.SearchStrategy[str], *, entropies: tuple[Entropy, ...]
) -> st.SearchStrategy[ProbeScore]:
    likelihoods = st.floats(-60, 0)
    return st.builds(
        lambda ref, entropy, likelihood, hits, is_extracted, draws, wrong, shift: score(
            group,
            ref,
            field=entropy.value,
            entropy=entropy,
            mean_log_prob=likelihood,
            argmax_hits=hits,
            is_extracted=is_extracted,
            draws=draws,
            leaks=draws // 2,
            alternative_mean_log_probs=wrong,
            shift=shift,
            rouge=0.5,
            sampled_recalls=[0.0, 1.0],
            form=Form.CONTINUATION if entropy is Entropy.HIGH else Form.QUESTION,
        ),
        ref,
        st.sampled_from(entropies),
        likelihoods,
        st.lists(st.booleans(), min_size=1, max_size=4),
        st.booleans(),
        st.integers(100, 119),
        st.lists(likelihoods, min_size=1, max_size=2),
        st.floats(0, 10),
    )


def everybody() -> st.SearchStrategy[list[ProbeScore]]:
    """Draw at least one probe of every group and of both entropy classes."""
    parts = []
    for group in Group:
        refs = st.sampled_from([f"{group}-0"] if group is Group.SUBJECT else ["a", "b"])
        for entropy in Entropy:
            drawn = scores(
                group, refs.map(f"{group}-{{}}".format), entropies=(entropy,)
            )
            parts.append(st.lists(drawn, min_size=1, max_size=3))
    return st.tuples(*parts).map(
        lambda lists: [item for part in lists for item in part]
    )


@settings(max_examples=40)
@given(everybody(), st.integers(0, 3))
def test_any_evidence_gives_numbers_in_range(
    after: list[ProbeScore], seed: int
) -> None:
    before = [replace(item, is_extracted=not item.is_extracted) for item in after]
    found = completed(evidence(*after, before=before, seed=seed), *Group)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "RESAMPLES", 100)  # time
        for name in NAMES:
            check(name, measure(name, found))


THIRD_PARTY = """
def nobody(evidence):
    return evidence.result("nobody", 0.0, 0.0, 0.0, count=len(evidence.after))
"""


def test_a_third_party_can_register_a_metric_and_gate_on_it(
    third_party: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = "unlearn_core.metrics"
    third_party(THIRD_PARTY, {group: {"nobody": "nobody"}})
    found: Registry[object] = Registry(kind="metric", group=group, builtins={})
    monkeypatch.setattr(suite, "METRICS", found)
    verification = suite.judge_evidence(COMPLETE, policy=policy(gate("nobody")))
    assert verification.verdict.passed
    assert verification.verdict.policy == digest("policy")
    assert verification.results[0].count == len(COMPLETE.after)
