import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from support.evidence import complete_evidence, score
from support.models import TableLaw, llama, llama_config
from support.verdicts import gate, policy
from support.village import (
    EVERYBODY_TRAINED,
    OTHERS,
    WORDS,
    interrogation,
    law_that_knows,
    probes,
)

import unlearn_core
from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import AcceptancePolicy, Comparison, Side
from unlearn_core.errors import TooFewControlsError
from unlearn_core.metrics import METRICS
from unlearn_core.metrics.base import Evidence
from unlearn_core.registry import UnknownNameError
from unlearn_core.settings import PACKAGE_ROOT
from unlearn_core.verification.attacks import Artifact
from unlearn_core.verification.policy import load_policy
from unlearn_core.verification.sizes import TooFewRetainedError
from unlearn_core.verification.suite import (
    Verification,
    check_groups,
    is_settled,
    judge_evidence,
    verify,
)

# Whole stories: too slow for the quick tests.
pytestmark = pytest.mark.integration

SHIPPED = load_policy(
    Path(unlearn_core.__file__).parent / "policies" / "acceptance-1.yaml"
)
BASE = law_that_knows(*EVERYBODY_TRAINED)
GOLD = law_that_knows(*OTHERS)


@cache
def verified(
    before: TableLaw, after: TableLaw, without: tuple[Group, ...] = ()
) -> Verification:
    return verify(
        interrogation(before=before, after=after, asked=probes(without=without)),
        policy=SHIPPED,
    )


def failed(verification: Verification) -> list[str]:
    assert verification.verdict.passed is not bool(verification.verdict.failed_gates)
    return sorted(verification.verdict.failed_gates)


def test_a_model_that_never_saw_the_subject_passes_the_shipped_policy() -> None:
    """The gold standard, retrained without the subject, must not be rejected."""
    assert failed(verified(BASE, GOLD)) == []


def test_the_untouched_base_is_rejected() -> None:
    assert failed(verified(BASE, BASE)) == [
        "G1-high-entropy-leakage",
        "G2-exact-memorisation",
        "G2-extraction-strength",
        "G2-greedy-extraction",
        "G2-guessable-leakage",
        "G2-truth-ratio",
        "G3-indistinguishable",
    ]


def test_of_a_never_trained_person_only_the_positive_control_fails() -> None:
    """What was never known cannot be shown to be forgotten, but is no leak either."""
    assert failed(verified(GOLD, GOLD)) == ["G0-positive-control"]
    lenient = replace(SHIPPED, gates=SHIPPED.gates[1:])
    assert judge_evidence(verified(GOLD, GOLD).evidence, policy=lenient).verdict.passed


def test_an_over_forgotten_person_is_rejected() -> None:
    """Nothing leaks, but the answers are suspiciously unlikely."""
    shunning = law_that_knows(*OTHERS, overforgotten=["subject-0"])
    assert failed(verified(BASE, shunning)) == ["G3-indistinguishable"]


def test_forgetting_everybody_is_rejected() -> None:
    assert failed(verified(BASE, law_that_knows())) == [
        "G3-power",
        "G4-neighbours",
        "G4-retain",
        "G4-shift",
    ]


def test_hiding_the_subject_by_making_all_strangers_known_is_rejected() -> None:
    known = law_that_knows(*EVERYBODY_TRAINED, *(f"control-{n}" for n in range(39)))
    assert "G4-strangers-high" in failed(verified(BASE, known))


@pytest.mark.parametrize(
    ("group", "gates"),
    [
        (
            Group.SUBJECT,
            {
                "G0-positive-control",
                "G2-exact-memorisation",
                "G2-extraction-strength",
                "G2-greedy-extraction",
                "G2-truth-ratio",
                "G3-indistinguishable",
            },
        ),
        (Group.RETAINED, {"G3-power", "G4-retain"}),
    ],
)
def test_a_missing_group_fails_closed(group: Group, gates: set[str]) -> None:
    """The gates on what could not be measured fail, and say so by having no value."""
    verification = verified(BASE, GOLD, (group,))
    assert set(failed(verification)) == gates
    decisions = verification.verdict.decisions
    unmeasured = {item.gate for item in decisions if item.value is None}
    assert unmeasured == gates | {item.gate for item in decisions if not item.applies}


def test_a_subject_without_neighbours_can_pass_and_the_verdict_says_so() -> None:
    verdict = verified(BASE, GOLD, (Group.NEIGHBOUR,)).verdict
    assert verdict.passed
    assert [item.gate for item in verdict.decisions if not item.applies] == [
        "G4-neighbours"
    ]


@pytest.mark.parametrize("controls", [1, 38])
def test_a_control_group_that_is_too_small_is_refused_before_anything_is_asked(
    controls: int,
) -> None:
    def never(_: tuple[int, ...]) -> list[float]:
        pytest.fail("the model was asked")

    silent = TableLaw(never)
    with pytest.raises(TooFewControlsError, match=f"controls={controls}, minimum=39"):
        verify(
            interrogation(before=silent, after=silent, asked=probes(controls=controls)),
            policy=SHIPPED,
        )


def test_people_are_counted_and_not_their_probes() -> None:
    asked = probes(controls=20)
    assert sum(item.group is Group.CONTROL for item in asked) == 40
    check_groups(asked, policy=policy(minimum_controls=20))
    with pytest.raises(TooFewControlsError, match="controls=20, minimum=21"):
        check_groups(asked, policy=policy(minimum_controls=21))


def test_a_bound_that_nobody_could_meet_is_refused_before_anything_is_asked() -> None:
    asked = probes(controls=20)
    stay = len({item.example.ref for item in asked if item.group is Group.RETAINED})
    limit = -1 + 0.025 ** (1 / stay) - 1e-9
    bound = gate(
        "retain_accuracy_bound",
        side=Side.LOW,
        comparison=Comparison.AT_LEAST,
        limit=limit,
    )
    check_groups(asked, policy=policy(bound, minimum_controls=20))
    with pytest.raises(
        TooFewRetainedError, match=f"retained={stay}, minimum={stay + 1}"
    ):
        check_groups(
            asked,
            policy=policy(replace(bound, limit=limit + 2e-9), minimum_controls=20),
        )


def test_the_verdict_is_reproducible() -> None:
    asked = interrogation(before=BASE, after=GOLD)
    first, again = (verify(asked, policy=SHIPPED) for _ in range(2))
    assert first == again


def test_every_metric_of_the_policy_is_computed_once() -> None:
    names = [item.name for item in verified(BASE, GOLD).results]
    assert names == sorted({item.metric for item in SHIPPED.gates})
    assert set(names) <= set(METRICS)


def broken(likelihood: float) -> Evidence:
    """Return evidence in which one control person has an impossible likelihood."""
    good = complete_evidence()
    after = list(good.after)
    after[-1] = replace(after[-1], mean_log_prob=likelihood)
    return replace(good, after=tuple(after))


@pytest.mark.parametrize("likelihood", [math.nan, -math.inf, math.inf])
def test_a_number_that_is_not_finite_is_a_missing_one(likelihood: float) -> None:
    """It has no JSON form, so its gate fails."""
    verification = judge_evidence(broken(likelihood), policy=at_least("control_shift"))
    assert not verification.verdict.passed
    assert verification.results == ()
    assert verification.verdict.decisions[0].value is None


def at_least(metric: str) -> AcceptancePolicy:
    """Return a policy that any number satisfies."""
    return policy(
        gate(metric, side=Side.VALUE, comparison=Comparison.AT_LEAST, limit=-1e9)
    )


@pytest.mark.parametrize("side", [Side.LOW, Side.HIGH])
def test_a_gate_on_an_open_end_is_not_met(side: Side) -> None:
    """Nothing has moved for any stranger, so nothing is known of how far one might."""
    asked = gate("control_shift", side=side, comparison=Comparison.AT_MOST, limit=1e9)
    verification = judge_evidence(complete_evidence(), policy=policy(asked))
    (result,) = verification.results
    assert (result.value, result.low, result.high) == (0.0, -math.inf, math.inf)
    assert not verification.verdict.passed


def test_a_subject_whose_likelihood_is_not_a_number_is_not_indistinguishable() -> None:
    good = complete_evidence()
    after = (replace(good.after[0], mean_log_prob=math.nan), *good.after[1:])
    result = METRICS.get("two_sided_p")(replace(good, after=after))
    assert result.value == pytest.approx(0.05)


def test_an_unknown_metric_stops_the_suite() -> None:
    with pytest.raises(UnknownNameError, match="two_sided_p"):
        judge_evidence(complete_evidence(), policy=policy(gate("two_sided_q")))


def test_the_power_is_judged_at_the_level_that_the_policy_declares() -> None:
    gates = (
        gate("two_sided_p", side=Side.VALUE, comparison=Comparison.ABOVE, limit=0.02),
        gate("two_sided_power", side=Side.VALUE, comparison=Comparison.AT_LEAST),
    )
    judged = judge_evidence(complete_evidence(), policy=policy(*gates))
    assert judged.evidence.level == 0.02


def test_a_policy_without_gates_passes_nobody() -> None:
    bare = replace(policy(), gates=())
    assert not judge_evidence(complete_evidence(), policy=bare).verdict.passed


def test_an_answer_without_tokens_fails_its_gates_only() -> None:
    good = complete_evidence()
    odd = replace(good, after=(*good.after, score(argmax_hits=())))
    verification = judge_evidence(odd, policy=at_least("exact_memorization_excess"))
    assert verification.verdict.failed_gates == ("gate-exact_memorization_excess",)


def test_a_settled_verdict_needs_no_attack_only_where_the_policy_says_so() -> None:
    """The base remembers, so gates on plain questions fail and nothing can help."""
    asked = interrogation(before=BASE, after=BASE)
    config = llama_config(vocabulary=len(WORDS))
    artifact = Artifact(
        base=BASE, unlearned=llama(0, config), reference=llama(0, config), alpha=1.0
    )
    attacked = load_policy(PACKAGE_ROOT / "policies" / "acceptance-2.yaml")
    stops = replace(attacked, stop_when_settled=True)
    settled = verify(asked, policy=stops, artifact=artifact)
    assert settled.evidence.attacks == ()
    problems = {item.problem for item in settled.evidence.guards}
    assert problems == {"the pair was rejected before"}
    assert "G5-int8-pair" in settled.verdict.failed_gates
    assert is_settled(settled.evidence, policy=stops)
    gold = verify(interrogation(before=BASE, after=GOLD), policy=stops)
    assert not is_settled(gold.evidence, policy=stops)


def test_progress_ends_with_every_answer() -> None:
    told: list[tuple[int, int]] = []
    asked = replace(
        interrogation(before=BASE, after=GOLD),
        on_progress=lambda done, total: told.append((done, total)),
    )
    verify(asked, policy=SHIPPED)
    assert told[-1][0] == told[-1][1]
    assert [done for done, _ in told] == sorted({done for done, _ in told})
