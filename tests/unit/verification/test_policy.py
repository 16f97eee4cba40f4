from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.evidence import complete_evidence

from unlearn_core.domain.canonical import digest_of
from unlearn_core.domain.data_map import Sizes
from unlearn_core.domain.verdicts import (
    Comparison,
    Gate,
    Reverification,
    SearchBudget,
    Side,
)
from unlearn_core.errors import InvalidPolicyError
from unlearn_core.metrics.base import GuardResult
from unlearn_core.settings import PACKAGE_ROOT, load_settings
from unlearn_core.verification.guards import GUARDS
from unlearn_core.verification.policy import (
    load_policy,
    policy_from_bytes,
    policy_to_bytes,
)
from unlearn_core.verification.sizes import controls_needed, retained_needed
from unlearn_core.verification.suite import judge_evidence

GATE: dict[str, Any] = {
    "name": "G1",
    "metric": "high_entropy_leakage",
    "side": "high",
    "comparison": "at_most",
    "limit": 0.01,
    "why": "a leak is a leak",
}
POLICY: dict[str, Any] = {
    "version": "7",
    "confidence": 0.95,
    "samples_per_probe": 50,
    "minimum_controls": 39,
    "gates": [GATE],
}


def write(folder: Path, content: object) -> Path:
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_policy_is_read_as_written(tmp_path: Path) -> None:
    policy = load_policy(write(tmp_path, POLICY))
    assert policy.version == "7"
    assert policy.confidence == 0.95
    assert policy.samples_per_probe == 50
    assert policy.minimum_controls == 39
    assert policy.gates == (
        Gate(
            name="G1",
            metric="high_entropy_leakage",
            side=Side.HIGH,
            comparison=Comparison.AT_MOST,
            limit=0.01,
            why="a leak is a leak",
        ),
    )


def test_families_are_asked_only_where_a_policy_names_them(tmp_path: Path) -> None:
    assert load_policy(write(tmp_path, POLICY)).probe_families == {}
    families = {"direct": 0.5, "mixed": 1.0}
    asked = load_policy(write(tmp_path, POLICY | {"probe_families": families}))
    assert asked.probe_families == families


@pytest.mark.parametrize(
    "families", [{"nonsense": 0.5}, {"direct": 0}, {"direct": 1.1}]
)
def test_an_unknown_family_or_share_is_refused(
    tmp_path: Path, families: dict[str, float]
) -> None:
    with pytest.raises(InvalidPolicyError, match="famil"):
        load_policy(write(tmp_path, POLICY | {"probe_families": families}))


def test_a_gate_applies_always_unless_the_policy_says_when(tmp_path: Path) -> None:
    rare = GATE | {"name": "G4", "applies_if": "neighbours"}
    policy = load_policy(write(tmp_path, POLICY | {"gates": [GATE, rare]}))
    assert [item.applies_if for item in policy.gates] == [None, "neighbours"]


def test_the_digest_is_of_the_bytes_a_comment_included(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"")
    write(tmp_path, POLICY)
    before = load_policy(path)
    path.write_text(path.read_text() + "# signed off\n")
    after = load_policy(path)
    assert before.gates == after.gates
    assert before.digest != after.digest
    path.write_bytes(path.read_bytes())
    assert load_policy(path).digest == after.digest


@pytest.mark.parametrize(
    ("change", "facts"),
    [
        ({"version": None}, {"entry": "version"}),
        ({"confidence": 0.5}, {"entry": "confidence"}),
        ({"confidence": 1}, {"entry": "confidence"}),
        ({"samples_per_probe": 0}, {"entry": "samples_per_probe"}),
        ({"minimum_controls": 38}, {"entry": "minimum_controls"}),
        ({"gates": []}, {"entry": "gates"}),
        ({"surprise": 1}, {"entry": "surprise"}),
        ({"gates": [GATE | {"surprise": 1}]}, {"entry": "gates.0.surprise"}),
        ({"gates": [GATE | {"side": "middle"}]}, {"entry": "gates.0.side"}),
        ({"gates": [GATE | {"comparison": "=="}]}, {"entry": "gates.0.comparison"}),
        ({"gates": [GATE | {"applies_if": "x"}]}, {"entry": "gates.0.applies_if"}),
        ({"gates": [GATE | {"limit": None}]}, {"entry": "gates.0.limit"}),
        ({"gates": [GATE | {"limit": float("inf")}]}, {"entry": "gates.0.limit"}),
        ({"gates": [GATE | {"limit": float("nan")}]}, {"entry": "gates.0.limit"}),
        ({"gates": [GATE, GATE]}, {"problem": "a gate is named twice"}),
        ({"gates": [GATE | {"metric": "mood"}]}, {"unknown_metric": "mood"}),
    ],
)
def test_a_wrong_entry_is_refused_and_named(
    tmp_path: Path, change: dict[str, object], facts: dict[str, object]
) -> None:
    with pytest.raises(InvalidPolicyError) as caught:
        load_policy(write(tmp_path, POLICY | change))
    assert caught.value.facts == facts


@pytest.mark.parametrize("missing", POLICY)
def test_no_entry_may_be_left_out(tmp_path: Path, missing: str) -> None:
    rest = {name: value for name, value in POLICY.items() if name != missing}
    with pytest.raises(InvalidPolicyError) as caught:
        load_policy(write(tmp_path, rest))
    assert caught.value.facts == {"entry": missing}


@pytest.mark.parametrize("data", [b"gates: [", b"\xff\xfe\x00", b"a: !!python/none x"])
def test_what_is_not_yaml_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(data)
    with pytest.raises(InvalidPolicyError):
        load_policy(path)


def test_a_missing_or_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidPolicyError) as caught:
        load_policy(tmp_path / "policy.yaml")
    assert caught.value.facts == {"problem": "unreadable file"}
    (tmp_path / "policy.yaml").write_bytes(b"")
    with pytest.raises(InvalidPolicyError):
        load_policy(tmp_path / "policy.yaml")


def test_the_shipped_policy_guards_the_subject_and_everybody_else() -> None:
    policy = load_policy(load_settings().acceptance_policy)
    limits = {gate.name: (gate.comparison.value, gate.limit) for gate in policy.gates}
    assert limits["G0-positive-control"] == ("at_least", 0.2)
    assert limits["G1-high-entropy-leakage"] == ("at_most", 0.01)
    assert limits["G3-indistinguishable"] == ("above", 0.02)
    assert limits["G4-retain"] == ("at_least", -0.06)
    assert policy.search is not None
    assert {name[:2] for name in limits} == {"G0", "G1", "G2", "G3", "G4", "G5"}
    assert policy.minimum_controls == controls_needed(policy) == 99
    assert retained_needed(policy) == 60 < Sizes().retained_probes
    assert policy.samples_per_probe == 100
    assert policy.reverification.evaluation_set_days > 0
    assert policy.probe_families


@pytest.mark.parametrize(
    ("changed", "fact"),
    [
        ({"metric": "two_sided_p", "comparison": "above", "limit": 0}, "problem"),
        ({"metric": "family_extraction_excess"}, "missing"),
    ],
)
def test_a_gate_that_could_not_fail_or_be_measured_is_refused(
    tmp_path: Path, changed: dict[str, object], fact: str
) -> None:
    with pytest.raises(InvalidPolicyError) as caught:
        load_policy(write(tmp_path, POLICY | {"gates": [GATE | changed]}))
    assert fact in caught.value.facts


def test_a_gate_on_families_needs_families(tmp_path: Path) -> None:
    asked = {
        "gates": [GATE | {"metric": "family_extraction_excess"}],
        "probe_families": {"jailbreak": 0.1},
    }
    (gate,) = load_policy(write(tmp_path, POLICY | asked)).gates
    assert gate.metric == "family_extraction_excess"


def test_nothing_is_kept_for_reverification_unless_a_policy_says_so(
    tmp_path: Path,
) -> None:
    assert load_policy(write(tmp_path, POLICY)).reverification == Reverification()
    assert Reverification().evaluation_set_days == 0
    assert Reverification().fingerprint_days == 0
    kept = {"every_days": 7, "evaluation_set_days": 90, "fingerprint_days": 365}
    policy = load_policy(write(tmp_path, POLICY | {"reverification": kept}))
    assert policy.reverification == Reverification(
        every_days=7, evaluation_set_days=90, fingerprint_days=365
    )


@pytest.mark.parametrize(
    "kept", [{"every_days": 0}, {"evaluation_set_days": -1}, {"for_ever": True}]
)
def test_a_wrong_time_of_keeping_is_refused(
    tmp_path: Path, kept: dict[str, object]
) -> None:
    with pytest.raises(InvalidPolicyError, match="entry=reverification"):
        load_policy(write(tmp_path, POLICY | {"reverification": kept}))


def test_a_policy_that_was_kept_is_read_back() -> None:
    for name in ("acceptance-1.yaml", "acceptance-2.yaml", "acceptance-3.yaml"):
        policy = load_policy(PACKAGE_ROOT / "policies" / name)
        assert policy_from_bytes(policy_to_bytes(policy)) == policy


SEARCHED = GATE | {"metric": "suffix_search_excess"}


def test_a_search_has_the_budget_that_the_policy_states(tmp_path: Path) -> None:
    assert load_policy(write(tmp_path, POLICY)).search is None
    budget = {"passes": 200, "people": 3}
    written = POLICY | {"gates": [SEARCHED], "search": budget}
    policy = load_policy(write(tmp_path, written))
    assert policy.search == SearchBudget(
        passes=200, people=3, at_once=16, suffix_tokens=8, likeliest=64
    )
    assert policy_from_bytes(policy_to_bytes(policy)) == policy


@pytest.mark.parametrize(
    "changed",
    [{"gates": [SEARCHED]}, {"search": {"passes": 4}}, {"search": {"hours": 3}}],
)
def test_a_search_without_a_budget_is_refused(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    with pytest.raises(InvalidPolicyError):
        load_policy(write(tmp_path, POLICY | changed))


# One policy on top of another.

STRICTER = GATE | {"limit": 0.001}
MORE = GATE | {"name": "G2"}


def extending(folder: Path, **content: object) -> Path:
    """Write a policy on top of `POLICY` and return its file."""
    (folder / "below.yaml").write_text(yaml.safe_dump(POLICY))
    return write(folder, {"extends": "below.yaml", "version": "8"} | content)


def test_what_is_extended_holds_and_entries_are_replaced(tmp_path: Path) -> None:
    below = POLICY | {"gates": [GATE, MORE]}
    path = extending(
        tmp_path, samples_per_probe=60, gates=[GATE | {"name": "G3"}, STRICTER]
    )
    (tmp_path / "below.yaml").write_text(yaml.safe_dump(below))
    policy = load_policy(path)
    assert (policy.version, policy.samples_per_probe) == ("8", 60)
    assert (policy.confidence, policy.minimum_controls) == (0.95, 39)
    assert [(item.name, item.limit) for item in policy.gates] == [
        ("G1", 0.001),
        ("G2", 0.01),
        ("G3", 0.01),
    ]


def test_the_digest_is_of_what_both_say_together(tmp_path: Path) -> None:
    path = extending(tmp_path)
    first = load_policy(path).digest
    path.write_text(path.read_text() + "# a comment\n")
    assert load_policy(path).digest == first
    (tmp_path / "below.yaml").write_text(
        yaml.safe_dump(POLICY | {"samples_per_probe": 51})
    )
    assert load_policy(path).digest != first
    alone = load_policy(write(tmp_path, POLICY))
    assert alone.digest == digest_of((tmp_path / "policy.yaml").read_bytes())


def test_a_chain_of_three_ends_with_the_nearest(tmp_path: Path) -> None:
    path = extending(tmp_path, confidence=0.9)
    path.rename(tmp_path / "middle.yaml")
    top = write(tmp_path, {"extends": "middle.yaml", "version": "9", "gates": [MORE]})
    policy = load_policy(top)
    assert (policy.version, policy.confidence) == ("9", 0.9)
    assert [item.name for item in policy.gates] == ["G1", "G2"]


def test_a_file_beside_comes_before_one_that_is_shipped(tmp_path: Path) -> None:
    shipped = load_policy(
        write(tmp_path, {"extends": "acceptance-1.yaml", "version": "x"})
    )
    assert len(shipped.gates) > 1
    (tmp_path / "acceptance-1.yaml").write_text(yaml.safe_dump(POLICY))
    assert len(load_policy(tmp_path / "policy.yaml").gates) == 1


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        (
            {"extends": "nowhere.yaml"},
            {"entry": "extends", "problem": "no such policy"},
        ),
        (
            {"extends": "../policy.yaml"},
            {"entry": "extends", "problem": "no such policy"},
        ),
        (
            {"extends": "policy.yaml"},
            {"entry": "extends", "problem": "a policy extends itself"},
        ),
        ({"extends": 3}, {"entry": "extends"}),
        ({"version": None}, {"entry": "version"}),
        ({"surprise": 1}, {"entry": "surprise"}),
        ({"gates": [GATE | {"surprise": 1}]}, {"entry": "gates.0.surprise"}),
        ({"gates": [MORE, MORE]}, {"problem": "a gate is named twice"}),
        ({"gates": [{"name": "G1", "limit": 1}]}, {"entry": "gates.0.metric"}),
    ],
)
def test_what_cannot_stand_on_another_policy_is_refused(
    tmp_path: Path, content: dict[str, object], facts: dict[str, object]
) -> None:
    with pytest.raises(InvalidPolicyError) as caught:
        load_policy(extending(tmp_path, **content))
    assert caught.value.facts == facts


def test_a_circle_of_two_is_refused(tmp_path: Path) -> None:
    path = extending(tmp_path)
    (tmp_path / "below.yaml").write_text(
        yaml.safe_dump({"extends": "policy.yaml", "version": "7"})
    )
    with pytest.raises(InvalidPolicyError, match="extends itself"):
        load_policy(path)


def test_a_policy_below_that_is_wrong_is_refused(tmp_path: Path) -> None:
    path = extending(tmp_path, gates=[STRICTER])
    (tmp_path / "below.yaml").write_text(
        yaml.safe_dump(POLICY | {"gates": [GATE, GATE]})
    )
    with pytest.raises(InvalidPolicyError, match="named twice"):
        load_policy(path)


def test_the_guarded_policy_is_the_default_and_gates_on_guards() -> None:
    folder = PACKAGE_ROOT / "policies"
    default, guarded = (
        load_policy(folder / f"acceptance-3{name}.yaml") for name in ("", "-guarded")
    )
    assert guarded.gates[: len(default.gates)] == default.gates
    more = {gate.metric for gate in guarded.gates[len(default.gates) :]}
    assert {"guard_knowledge_change", "guard_safety_change"} <= more
    assert (
        replace(
            guarded, version=default.version, digest=default.digest, gates=default.gates
        )
        == default
    )


def test_a_guard_without_its_file_fails_its_gate() -> None:
    """Nothing changed in what was asked; one data set of each kind is missing."""
    guarded = load_policy(PACKAGE_ROOT / "policies" / "acceptance-3-guarded.yaml")
    gates = [gate.name for gate in guarded.gates if gate.name.startswith("G4-guard")]
    asked = tuple(
        GuardResult(guard=name, items=9, before=0.5, after=0.5, low=-0.05, high=0.05)
        for name in GUARDS
    )
    short = guarded.with_gates(gates)
    found = replace(complete_evidence(), guards=asked)
    assert judge_evidence(found, policy=short).verdict.passed
    for name in ("winogrande", "bbq"):
        missing = tuple(
            GuardResult(guard=name, problem=f"no file {name}.jsonl")
            if item.guard == name
            else item
            for item in asked
        )
        verdict = judge_evidence(replace(found, guards=missing), policy=short).verdict
        assert len(verdict.failed_gates) == 2
    none = judge_evidence(complete_evidence(), policy=short).verdict
    assert none.failed_gates == tuple(gates)
