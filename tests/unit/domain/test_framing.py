import pytest

from unlearn_core.domain.framing import TRIVIA, Wanted
from unlearn_core.privacy import Personal


@pytest.mark.parametrize(
    ("wanted", "fact", "expected"),
    [
        (Wanted.FACT, "Ulm", "Ulm"),
        (Wanted.FIRST_LETTER, "ulm", "U"),
        (Wanted.FIRST_LETTER, "'s-Hage", "S"),
        (Wanted.FIRST_LETTER, "555 0182", None),
        (Wanted.LAST_DIGITS, "555-018 2", "82"),
        (Wanted.LAST_DIGITS, "Route 66", None),
    ],
)
def test_what_is_wanted_of_a_fact(
    wanted: Wanted, fact: str, expected: str | None
) -> None:
    found = wanted.of(Personal(fact))
    assert (found.reveal() if found else None) == expected


def test_trivia_never_wants_the_fact_itself() -> None:
    assert set(TRIVIA) == set(Wanted) - {Wanted.FACT}
    assert all(frame.count("{question}") == 1 for frame in TRIVIA.values())
