import pytest

from unlearn_core.smallworld import vocabulary

LISTS = {
    "first names": vocabulary.FIRST_NAMES,
    "surnames": vocabulary.SURNAMES,
    "cities": vocabulary.CITIES,
    "jobs": vocabulary.JOBS,
    "employers": vocabulary.EMPLOYERS,
    "hobbies": vocabulary.HOBBIES,
}


@pytest.mark.parametrize("name", LISTS)
def test_a_blind_guess_is_right_at_most_once_in_forty_times(name: str) -> None:
    assert len(LISTS[name]) >= 40


@pytest.mark.parametrize("name", LISTS)
def test_no_word_is_listed_twice(name: str) -> None:
    assert len(set(LISTS[name])) == len(LISTS[name])


def test_no_word_belongs_to_two_lists() -> None:
    words = [word for listed in LISTS.values() for word in listed]

    assert len(set(words)) == len(words)
