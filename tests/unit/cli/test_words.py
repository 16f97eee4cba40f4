from dataclasses import replace

import pytest
from support.domain import ledger_entry

from unlearn_core.cli.words import RESTRICTION_WORDS, STAGE_WORDS, words_of
from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.requests import Stage
from unlearn_core.domain.restricted import EVENTS

SERVED = "every replica serves it"


def test_there_are_words_for_every_stage() -> None:
    assert set(STAGE_WORDS) == set(Stage)
    assert set(RESTRICTION_WORDS) == set(EVENTS)


@pytest.mark.parametrize(
    ("event", "payload", "words"),
    [
        ("certified", {}, "certificate issued"),
        ("restriction_lifted", {}, "restriction ended"),
        ("source_searched", {"seconds": 1.0}, None),
        ("serving_confirmed", {}, SERVED),
        (
            "serving_confirmed",
            {"seconds": 2.345, "cut_off": []},
            f"{SERVED}, 2.3 s after registration",
        ),
        (
            "serving_confirmed",
            {"seconds": 2.0, "cut_off": ["left", "right"]},
            f"{SERVED}, 2.0 s after registration, without those cut off: left, right",
        ),
    ],
)
def test_an_entry_says_what_people_want_to_know(
    event: str, payload: dict[str, JsonValue], words: str | None
) -> None:
    entry = replace(ledger_entry(), event=event, payload=payload)
    assert words_of(entry) == words
