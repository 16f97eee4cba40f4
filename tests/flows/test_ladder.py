from types import SimpleNamespace
from uuid import UUID

import pytest

from flows import ladder
from flows.ladder import unlearn_until_verified

REQUEST = UUID(int=7)


class Rungs:
    """Tasks for which one rung, or none, is good enough."""

    def __init__(self, *, good: int | None) -> None:
        self.done: list[str] = []
        self._good = good

    def train_offset_pair(self, request_id: UUID, rung: int) -> None:
        """Write down the training."""
        assert request_id == REQUEST
        self.done.append(f"train {rung}")

    def verify_unlearning(self, request_id: UUID, rung: int) -> SimpleNamespace:
        """Write down the verification and decide."""
        assert request_id == REQUEST
        self.done.append(f"verify {rung}")
        return SimpleNamespace(passed=rung == self._good)


@pytest.mark.parametrize(
    ("good", "verified", "done"),
    [
        (0, True, ["train 0", "verify 0"]),
        (1, True, ["train 0", "verify 0", "train 1", "verify 1"]),
        (
            None,
            False,
            ["train 0", "verify 0", "train 1", "verify 1", "train 2", "verify 2"],
        ),
    ],
    ids=["the first rung", "the second rung", "no rung"],
)
def test_rungs_are_climbed_until_one_is_verified_and_no_further_than_the_last(
    monkeypatch: pytest.MonkeyPatch,
    good: int | None,
    verified: bool,  # noqa: FBT001 - a column of the table
    done: list[str],
) -> None:
    rungs = Rungs(good=good)
    monkeypatch.setattr(ladder, "tasks", rungs)
    monkeypatch.setattr(ladder, "rungs_of", lambda _request_id: range(3))

    assert unlearn_until_verified(REQUEST) is verified

    assert rungs.done == done
