import pytest
from pydantic import ValidationError

from unlearn_core.evidence_settings import AuditSettings, GuardSettings


def test_no_public_questions_are_asked_unless_a_folder_is_named() -> None:
    assert GuardSettings().folder is None
    assert AuditSettings().keepers == ()


@pytest.mark.parametrize("values", [{"items": 0}, {"item": 5}])
def test_a_number_that_asks_nothing_and_an_unknown_word_are_refused(
    values: dict[str, int],
) -> None:
    with pytest.raises(ValidationError):
        GuardSettings.model_validate(values)


def test_a_log_needs_a_name_without_spaces() -> None:
    with pytest.raises(ValidationError):
        AuditSettings(origin="two words")
