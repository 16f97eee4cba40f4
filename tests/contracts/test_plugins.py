"""What every registry must honour."""

from typing import Any

import pytest
from support.plugins import REGISTRIES, Installer

from unlearn_core.registry import DuplicateNameError, Registry

every_registry = pytest.mark.parametrize(
    "registry", REGISTRIES, ids=[item.group for item in REGISTRIES]
)


@every_registry
def test_every_name_leads_to_something(registry: Registry[Any]) -> None:
    assert all(callable(registry.get(name)) for name in registry)


@every_registry
def test_a_third_party_cannot_replace_what_is_built_in(
    registry: Registry[Any], third_party: Installer
) -> None:
    """Otherwise an installed package could turn a gate off."""
    taken = next(iter(registry))
    third_party("", {registry.group: {taken: "anything"}})
    with pytest.raises(DuplicateNameError, match=f"'{taken}' is registered twice"):
        Registry(
            kind="plug-in", group=registry.group, builtins={taken: "string:capwords"}
        )
