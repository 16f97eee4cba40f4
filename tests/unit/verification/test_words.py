import doctest
from pathlib import Path

import pytest

from unlearn_core.domain.datasets import Entropy, Group
from unlearn_core.domain.families import FAMILIES
from unlearn_core.metrics import METRICS
from unlearn_core.verification import svg, words
from unlearn_core.verification.policy import load_policy
from unlearn_core.verification.words import (
    ATTACK_WORDS,
    ENTROPIES,
    FAMILY_WORDS,
    GATES,
    GROUPS,
    METRIC_WORDS,
    MINUS,
    Unit,
    attack_words,
    family_words,
    in_words,
    interval_in_words,
    metric_words,
    units_in_words,
)

PACKAGE = Path(words.__file__).parents[1]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.5, Unit.SHARE, "50.0%"),
        (-0.0123, Unit.POINTS, f"{MINUS}1.2 points"),
        (0.2504, Unit.NATS, "+0.250 nats"),
        (0.05, Unit.PLAIN, "0.050"),
        (None, Unit.SHARE, "not measured"),
    ],
)
def test_a_number_is_written_with_its_unit(
    value: float | None, unit: Unit, text: str
) -> None:
    assert in_words(value, unit) == text


@pytest.mark.parametrize(
    ("units", "is_subject", "text"),
    [
        (7, True, "about 7 facts"),
        (1, True, "about 1 fact"),
        (60, False, "about 60 people"),
        (1, False, "about 1 person"),
        (None, True, ""),
    ],
)
def test_trials_are_about_facts_or_people(
    units: int | None, text: str, *, is_subject: bool
) -> None:
    assert units_in_words(units, is_subject=is_subject) == text


@pytest.mark.parametrize(
    ("low", "high", "unit", "text"),
    [
        (0.0, 0.01, Unit.SHARE, "0.0% to 1.0%"),
        (-0.02, 0.01, Unit.POINTS, f"{MINUS}2.0 to +1.0 points"),
        (-0.5, 0.25, Unit.NATS, f"{MINUS}0.500 to +0.250 nats"),
        (0.1, 0.2, Unit.PLAIN, "0.100 to 0.200"),
        (0.1, 0.1, Unit.PLAIN, ""),
        (None, None, Unit.PLAIN, ""),
        (None, 0.1, Unit.PLAIN, "0.100 or less"),
        (0.1, None, Unit.NATS, "+0.100 nats or more"),
    ],
)
def test_an_interval_is_written_from_end_to_end(
    low: float | None, high: float | None, unit: Unit, text: str
) -> None:
    assert interval_in_words(low, high, unit) == text


def test_every_metric_that_has_words_exists() -> None:
    assert set(METRIC_WORDS) <= set(METRICS)


@pytest.mark.parametrize("file", sorted((PACKAGE / "policies").glob("acceptance-*")))
def test_every_gate_of_a_shipped_policy_has_words(file: Path) -> None:
    gates = load_policy(file).gates
    assert {gate.metric for gate in gates} <= set(METRIC_WORDS)
    assert {gate.name.partition("-")[0] for gate in gates} <= set(GATES)


def test_every_attack_and_group_has_words() -> None:
    modules = ("attacks", "latent", "lens", "mutations", "relearning", "suffixes")
    source = "".join(
        (PACKAGE / "verification" / f"{name}.py").read_text() for name in modules
    )
    assert all(f'"{name}"' in source for name in ATTACK_WORDS)
    assert (set(GROUPS), set(ENTROPIES)) == (set(Group), set(Entropy))


def test_every_family_has_words() -> None:
    assert set(FAMILY_WORDS) == set(FAMILIES)


def test_what_has_no_words_is_called_by_its_name() -> None:
    assert metric_words("some_new_metric").name == "some new metric"
    assert family_words("some_new_family") == "some new family"
    assert attack_words("some_new_attack").name == "some new attack"


def test_the_examples_are_true() -> None:
    assert doctest.testmod(words).failed == doctest.testmod(svg).failed == 0
