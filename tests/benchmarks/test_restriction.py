import pytest

from benchmarks.restriction import Fired, measure


@pytest.fixture(scope="module")
def fired() -> dict[str, Fired]:
    """Return how often the guard fired, by kind."""
    return {row.kind: row for row in measure(people=60, restricted=6)}


@pytest.mark.parametrize(
    "kind", ["name alone", "name turned", "e-mail", "telephone, digits", "handle"]
)
def test_the_guard_fires_for_every_certain_mention(
    fired: dict[str, Fired], kind: str
) -> None:
    assert (fired[kind].fired, fired[kind].texts) == (6, 6)


def test_it_fires_for_namesakes_as_well(fired: dict[str, Fired]) -> None:
    assert fired["namesake"].fired == 6


@pytest.mark.parametrize("kind", ["initial", "first name alone", "name with a typo"])
def test_it_does_not_fire_for_a_part_or_another_spelling(
    fired: dict[str, Fired], kind: str
) -> None:
    assert fired[kind].fired == 0


def test_it_never_fires_for_others(fired: dict[str, Fired]) -> None:
    others = [row for kind, row in fired.items() if kind.startswith("others: ")]
    others += [fired["the same surname"], fired["the same first name"], fired["nobody"]]
    assert [row.fired for row in others] == [0] * len(others)
    assert sum(row.texts for row in others) > 1000
