from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_core.adapters.database.moments import to_text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 3, 2, 9, tzinfo=UTC), "2026-03-02T09:00:00.000000+00:00"),
        (
            datetime(2026, 3, 2, 0, 30, tzinfo=timezone(timedelta(hours=1))),
            "2026-03-01T23:30:00.000000+00:00",
        ),
    ],
)
def test_a_moment_is_written_in_utc_with_microseconds(
    moment: datetime, text: str
) -> None:
    assert to_text(moment) == text


MOMENTS = st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001 - likewise
    timezones=st.timezones(),
)


@given(MOMENTS, MOMENTS)
def test_texts_are_in_the_order_of_moments(first: datetime, second: datetime) -> None:
    earlier, later = sorted((first.astimezone(UTC), second.astimezone(UTC)))
    assert to_text(earlier) <= to_text(later)
    assert datetime.fromisoformat(to_text(first)) == first.astimezone(UTC)
