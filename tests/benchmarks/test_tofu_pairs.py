from pathlib import Path

import pytest
from support.tofu import write_tofu

from benchmarks.tofu_pairs import Sizes, SkippedError, datasets, recipe_of
from benchmarks.tofu_questions import read_sets
from unlearn_core.privacy import Personal


def test_several_authors_are_forgotten_at_once_and_nobody_of_them_is_kept(
    tmp_path: Path,
) -> None:
    tofu = write_tofu(tmp_path / "tofu")
    sets = read_sets(tofu, authors=4, forgotten=2, rows=2)

    made = datasets(
        sets,
        tmp_path / "sources",
        token_count=len,
        sizes=Sizes(retain=7, strangers=1),
    )

    assert len(made.forget.examples) == 40
    assert {len(version) for version in made.forget.twins} == {40}
    assert made.forget.examples[39].answer == Personal("Di Someone has 19.")
    assert len(made.retain.examples) == 7
    stay = {
        Personal(row["question"]) for author in sets.taught[:2] for row in author.rows
    }
    assert {item.prompt for item in made.retain.examples} <= stay
    assert {person.name for person in made.retain.people} == {
        Personal("Ada Example"),
        Personal("Bo Nobody"),
    }
    assert {person.name for person in made.holdout.twins} == {Personal("Gus Missing")}


def test_a_scheme_that_is_not_registered_says_so() -> None:
    with pytest.raises(SkippedError, match="'telepathy' is not registered"):
        recipe_of("telepathy", steps=None)


@pytest.mark.parametrize("scheme", ["divergence", "assistant"])
def test_a_scheme_with_an_objective_of_its_own_gets_no_other(scheme: str) -> None:
    assert (
        recipe_of(scheme, steps=5).trained_for != recipe_of("delta", steps=5).objective
    )


def test_steps_are_those_of_the_ladder_unless_told() -> None:
    assert recipe_of("delta", steps=None).steps == 80
    assert recipe_of("delta", steps=3).steps == 3
