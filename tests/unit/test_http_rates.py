import pytest
from support.access import Watch

from unlearn_core import http_rates
from unlearn_core.http_errors import RateLimitedError
from unlearn_core.http_rates import Rate


def admits(rate: Rate, caller: str = "here") -> bool:
    try:
        rate.count(caller)
    except RateLimitedError:
        return False
    return True


def test_without_a_rate_everybody_is_let_in() -> None:
    rate = Rate(0)
    assert all(admits(rate) for _ in range(100))


def test_a_caller_gets_a_minutes_share_at_once_and_then_evenly() -> None:
    watch = Watch()
    rate = Rate(3, now=watch)
    assert [admits(rate) for _ in range(4)] == [True, True, True, False]
    watch.seconds = 19.9
    assert not admits(rate)
    watch.seconds = 20.0
    assert [admits(rate), admits(rate)] == [True, False]
    watch.seconds = 200.0
    assert [admits(rate) for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize(("seconds", "wait"), [(0, 20), (0.5, 20), (19.5, 1)])
def test_a_refusal_says_how_long_to_wait(seconds: float, wait: int) -> None:
    watch = Watch()
    rate = Rate(3, now=watch)
    for _ in range(3):
        admits(rate)
    watch.seconds = seconds
    with pytest.raises(RateLimitedError, match=f"retry_seconds={wait}"):
        rate.count("here")
    watch.seconds += wait
    assert admits(rate)


def test_callers_of_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_rates, "MAXIMUM_CALLERS", 2)
    watch = Watch()
    rate = Rate(1, now=watch)
    for caller in "abc":
        assert admits(rate, caller)
        watch.seconds += 1
    assert set(rate._whole_at) == {"b", "c"}
    watch.seconds += 60
    admits(rate, "d")
    assert set(rate._whole_at) == {"d"}
