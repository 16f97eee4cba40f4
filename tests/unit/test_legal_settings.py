import pytest
from pydantic import ValidationError

from unlearn_core.legal_settings import LegalSettings


def test_nothing_cools_off_unless_it_is_asked_for() -> None:
    assert LegalSettings().cooling_off_hours == 0


@pytest.mark.parametrize("hours", [-1, 337])
def test_cooling_off_eats_up_no_more_than_half_of_the_first_period(hours: int) -> None:
    with pytest.raises(ValidationError):
        LegalSettings(cooling_off_hours=hours)
    assert LegalSettings(cooling_off_hours=336).cooling_off_hours == 14 * 24
