from pathlib import Path

import pytest
from support.cli import unlearn

from unlearn_core.adapters.database.access_store import DatabaseAccessStore
from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.database.request_store import DatabaseRequestStore
from unlearn_core.adapters.memory.records import MemoryClock
from unlearn_core.domain.access import Role

pytestmark = pytest.mark.usefixtures("home")


def added(*roles: str, name: str = "Olga") -> dict[str, str]:
    options = [part for role in roles for part in ("--role", role)]
    printed: dict[str, str] = unlearn("access", "add", name, *options, "--json").json()
    return printed


def test_a_key_is_printed_once_and_only_its_digest_is_kept(home: Path) -> None:
    printed = added("approver", "auditor")
    database = Database(f"sqlite:///{home / 'unlearn.db'}")
    kept = DatabaseAccessStore(database).key(printed["key_id"])
    database.close()
    assert kept is not None
    assert kept.opens(printed["key"])
    assert kept.roles == {Role.APPROVER, Role.AUDITOR}
    # 32 random bytes are 43 characters.
    assert len(printed["key"].split("_", 2)[2]) == 43
    files = b"".join(path.read_bytes() for path in home.glob("unlearn.db*"))
    assert printed["key"].encode() not in files
    assert printed["key"] not in unlearn("access", "list").out


def test_the_list_shows_whose_keys_there_are_and_which_still_count() -> None:
    first, second = added("operator"), added("admin", name="Ada")
    assert unlearn("access", "revoke", first["key_id"]).code == 0
    rows = unlearn("access", "list", "--json").json()
    found = {row["key_id"]: (row["name"], row["roles"], row["state"]) for row in rows}
    assert found == {
        first["key_id"]: ("Olga", "operator", "revoked"),
        second["key_id"]: ("Ada", "admin", "valid"),
    }


def test_additions_and_revocations_stand_in_the_ledger_without_name_or_key(
    home: Path,
) -> None:
    printed = added("operator")
    unlearn("access", "revoke", printed["key_id"])
    database = Database(f"sqlite:///{home / 'unlearn.db'}")
    store = DatabaseRequestStore(database, clock=MemoryClock())
    entries = [(entry.event, entry.payload) for entry in store.entries()]
    database.close()
    assert entries == [
        ("access_key_added", {"key": printed["key_id"], "roles": ["operator"]}),
        ("access_key_revoked", {"key": printed["key_id"]}),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "Olga"),
        ("add", "Olga", "--role", "root"),
        ("add", "Olga", "--role", "subject"),
        ("revoke", "00000000"),
    ],
)
def test_what_cannot_be_given_or_taken_is_wrong_usage(
    arguments: tuple[str, ...],
) -> None:
    assert unlearn("access", *arguments).code == 2
    assert unlearn("access", "list", "--json").json() == []
