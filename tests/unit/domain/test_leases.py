from dataclasses import FrozenInstanceError, replace

import pytest
from support.domain import lease

from unlearn_core.domain.leases import base_resource


def test_a_holder_cannot_prolong_or_renumber_its_own_lease() -> None:
    held = lease(token=3)
    with pytest.raises(FrozenInstanceError):
        held.token = 4  # type: ignore[misc]  # on purpose
    with pytest.raises(FrozenInstanceError):
        held.expires_at = held.expires_at.max  # type: ignore[misc]  # on purpose
    assert held == lease(token=3)


def test_a_base_model_is_leased_under_its_name() -> None:
    assert base_resource("small-world") == "base:small-world"


def test_two_leases_on_one_resource_differ_by_their_token() -> None:
    assert lease(token=1) != lease(token=2)
    assert replace(lease(token=1), token=2) == lease(token=2)
