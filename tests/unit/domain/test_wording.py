from unlearn_core.domain.certificates import LIMITS
from unlearn_core.domain.requests import Outcome
from unlearn_core.domain.wording import ENGLISH


def test_limits_are_in_english_those_of_the_certificate() -> None:
    assert ENGLISH.limits == LIMITS


def test_no_outcome_says_that_something_was_deleted_from_the_model() -> None:
    for text in ENGLISH.outcomes.values():
        assert "deleted" not in text
        assert "erased from the model" not in text


def test_only_a_complete_search_is_called_complete() -> None:
    assert "searched completely." in ENGLISH.outcomes[Outcome.NOT_FOUND]
    assert "could not be searched" in ENGLISH.outcomes[Outcome.PARTIAL]
