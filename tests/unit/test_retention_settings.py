import pytest
from pydantic import ValidationError

from unlearn_core.domain.retention import Terms
from unlearn_core.retention_settings import RetentionSettings


def test_the_times_of_the_settings_are_those_of_the_table() -> None:
    kept = RetentionSettings()
    assert Terms(**kept.terms()).longest_days == 3650
    assert kept.retired_bases == ()


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("record_days", 729),
        ("evidence_days", 729),
        ("contact_days", 2),
        ("working_days", 29),
        ("working_told_days", 30),
    ],
)
def test_a_record_is_kept_for_two_years_and_an_address_until_post_gives_up(
    name: str, days: int
) -> None:
    with pytest.raises(ValidationError):
        RetentionSettings(**{name: days})


def test_days_of_a_stage_are_as_many_as_an_answer_may_take_at_least() -> None:
    assert RetentionSettings(stage_days={"on_hold": 365}).stage_days == {"on_hold": 365}
    with pytest.raises(ValidationError):
        RetentionSettings(stage_days={"on_hold": 29})
