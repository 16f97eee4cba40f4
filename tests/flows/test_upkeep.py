from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from flows import upkeep
from unlearn_core.errors import KeyMissingError


@pytest.mark.parametrize("is_signed", [True, False])
def test_the_pointer_is_renewed_after_the_list_also_if_that_cannot_be_signed(
    monkeypatch: pytest.MonkeyPatch,
    is_signed: bool,  # noqa: FBT001 - a parameter
) -> None:
    events: list[str] = []

    @contextmanager
    def opened() -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(
            restrictions=lambda *, holder: f"list by {holder}",
            keeper=lambda *, holder: f"pointer by {holder}",
        )

    def keep(desk: str) -> None:
        events.append(desk)
        if not is_signed:
            raise KeyMissingError(file="artifact.key")

    monkeypatch.setattr(upkeep, "open_station", opened)
    monkeypatch.setattr(upkeep, "holder_name", lambda: "worker")
    monkeypatch.setattr(upkeep, "keep_restrictions", keep)
    monkeypatch.setattr(upkeep, "renew_pointer", events.append)
    if is_signed:
        upkeep.renew_serving_pointer.fn()
    else:
        with pytest.raises(KeyMissingError):
            upkeep.renew_serving_pointer.fn()
    assert events == ["list by worker", "pointer by worker"]
