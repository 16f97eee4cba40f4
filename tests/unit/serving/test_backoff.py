import pytest

from unlearn_core.errors import DigestMismatchError, ManifestInvalidError
from unlearn_core.serving.backoff import LONGEST_SECONDS, Backoff

ERROR = DigestMismatchError()


class Watch:
    """A clock that a test moves."""

    seconds = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


def may_try(backoff: Backoff, wanted: str = "a") -> bool:
    try:
        backoff.check(wanted)
    except DigestMismatchError:
        return False
    return True


def test_waits_double_up_to_the_longest() -> None:
    watch = Watch()
    backoff = Backoff(first_seconds=2, now=watch)
    assert may_try(backoff)
    for wait in (2, 4, 8, 16, 32, 64, 128, 256, LONGEST_SECONDS, LONGEST_SECONDS):
        backoff.refused("a", ERROR)
        watch.seconds += wait - 0.1
        assert not may_try(backoff)
        watch.seconds += 0.1
        assert may_try(backoff)


def test_something_else_is_tried_at_once_and_starts_anew() -> None:
    watch = Watch()
    backoff = Backoff(first_seconds=2, now=watch)
    backoff.refused("a", ERROR)
    backoff.refused("a", ERROR)
    assert may_try(backoff, "b")
    backoff.refused("b", ERROR)
    watch.seconds = 2
    assert may_try(backoff, "b")


def test_the_last_refusal_is_repeated() -> None:
    backoff = Backoff(first_seconds=2, now=Watch())
    backoff.refused("a", ERROR)
    backoff.refused("a", ManifestInvalidError(problem="sequence"))
    with pytest.raises(ManifestInvalidError, match="problem=sequence"):
        backoff.check("a")
