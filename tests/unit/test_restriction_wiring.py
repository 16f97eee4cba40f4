from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from support.databases import open_sqlite

from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.adapters.memory.contact import MemoryTrigger
from unlearn_core.errors import KeyMissingError, SettingsError
from unlearn_core.legal_settings import LegalSettings
from unlearn_core.restriction_wiring import restriction_desk, restriction_keeper
from unlearn_core.retention_settings import RestrictionSettings
from unlearn_core.settings import KeySettings, ObjectSettings, Settings
from unlearn_core.wiring import Office, open_office

pytestmark = pytest.mark.integration


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """Open the office of an installation with keys and an empty database."""
    monkeypatch.setattr("unlearn_core.wiring.PrefectTrigger", MemoryTrigger)
    open_sqlite(tmp_path).close()
    KeyDirectory(tmp_path / "keys").create()
    cover = tmp_path / "cover.txt"
    cover.write_text("Ida Unbekannt\n\n  Otto Niemand \n")
    opened = open_office(
        Settings(
            database_url=SecretStr(f"sqlite:///{tmp_path / 'unlearn.db'}"),
            keys=KeySettings(directory=tmp_path / "keys"),
            objects=ObjectSettings(location=str(tmp_path / "objects")),
            legal=LegalSettings(officers=("anna", "berta")),
            restriction=RestrictionSettings(cover=cover),
        )
    )
    yield opened
    opened.database.close()


def test_names_of_the_cover_are_read_and_replicas_can_unseal(office: Office) -> None:
    keeper = restriction_keeper(office, holder="here")
    assert keeper.cover == ("Ida Unbekannt", "Otto Niemand")
    assert restriction_desk(office).officers == ("anna", "berta")
    sealed = keeper.lists.close(b"people", base_model="small-world")
    assert keeper.lists.open(sealed, base_model="small-world") == b"people"


def test_a_cover_that_cannot_be_read_is_named(office: Office, tmp_path: Path) -> None:
    (tmp_path / "cover.txt").unlink()
    with pytest.raises(SettingsError, match="UNLEARN_RESTRICTION__COVER"):
        restriction_keeper(office, holder="here")


@pytest.mark.parametrize("name", ["artifact.key", "signing.pem"])
def test_without_the_keys_nobody_is_told(
    office: Office, tmp_path: Path, name: str
) -> None:
    (tmp_path / "keys" / name).unlink()
    with pytest.raises(KeyMissingError, match=name):
        restriction_keeper(office, holder="here")
