"""A source that states nobody cannot be compared with digests."""

from pathlib import Path

import pytest
from support.drop import People, item, write_list

from unlearn_core.cli import drop_wiring
from unlearn_core.domain.drop import ListType
from unlearn_core.domain.sources import SourceDescription
from unlearn_core.errors import InvalidDataMapError

pytestmark = pytest.mark.integration


class Silent:
    """A plug-in's source that only says what it is."""

    def describe(self) -> SourceDescription:
        """Say what the source is."""
        return SourceDescription(name="silent", kind="plug-in", is_erasable=True)


def test_settings_name_the_fields_that_lists_are_compared_with(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = People()
    monkeypatch.setattr(drop_wiring, "data_map_sources", lambda _: ((people,), people))
    monkeypatch.setenv("UNLEARN_DROP__MAID", "device")
    folder = home / "lists"
    folder.mkdir()
    write_list(folder, [item(1, "x", ListType.MAID)], kind="MAID")
    access = drop_wiring.drop_access(folder)
    assert access.sources == (people,)
    assert access.names.missing(ListType.MAID) == ()


def test_a_source_that_states_nobody_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = (People(), Silent())
    monkeypatch.setattr(drop_wiring, "data_map_sources", lambda _: (sources, None))
    folder = home / "lists"
    folder.mkdir()
    write_list(folder, [])
    with pytest.raises(InvalidDataMapError) as caught:
        drop_wiring.drop_access(folder)
    assert caught.value.facts["source"] == "silent"
