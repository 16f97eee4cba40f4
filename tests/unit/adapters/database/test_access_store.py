from pathlib import Path

from sqlmodel import select
from support.access import access_key
from support.databases import migrated

from unlearn_core.adapters.database.access_store import DatabaseAccessStore
from unlearn_core.adapters.database.tables import AccessKeyRow
from unlearn_core.domain.access import Role


def test_the_database_holds_roles_as_words_and_no_key(tmp_path: Path) -> None:
    text, key = access_key(Role.OPERATOR, Role.ADMIN)
    with migrated("sqlite", tmp_path) as database:
        DatabaseAccessStore(database).add_key(key)
        with database.reading() as session:
            row = session.exec(select(AccessKeyRow)).one()
            assert row.roles == "admin operator"
            assert text not in str(row.model_dump())
