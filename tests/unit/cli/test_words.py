from unlearn_core.cli.words import STAGE_WORDS
from unlearn_core.domain.requests import Stage


def test_there_are_words_for_every_stage() -> None:
    assert set(STAGE_WORDS) == set(Stage)
