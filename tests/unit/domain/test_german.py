import re
from dataclasses import fields

from unlearn_core.domain.german import GERMAN
from unlearn_core.domain.wording import ENGLISH


def test_german_says_as_much_as_english() -> None:
    assert GERMAN.outcomes.keys() == ENGLISH.outcomes.keys()
    assert len(GERMAN.limits) == len(ENGLISH.limits)


def test_every_place_for_a_value_is_in_both_languages() -> None:
    for field in fields(ENGLISH):
        places = [
            sorted(re.findall(r"{(\w+)}", str(getattr(words, field.name))))
            for words in (ENGLISH, GERMAN)
        ]
        assert places[0] == places[1], field.name


def test_nothing_was_left_in_english() -> None:
    same = [
        field.name
        for field in fields(ENGLISH)
        if getattr(ENGLISH, field.name) == getattr(GERMAN, field.name)
    ]
    assert same == []
