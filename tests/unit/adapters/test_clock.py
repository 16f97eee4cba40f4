from datetime import UTC, datetime

from unlearn_core.adapters.clock import SystemClock


def test_the_system_clock_tells_the_time_of_this_machine_in_utc() -> None:
    before = datetime.now(UTC)
    told = SystemClock().now()
    assert before <= told <= datetime.now(UTC)
    assert told.tzinfo is UTC
