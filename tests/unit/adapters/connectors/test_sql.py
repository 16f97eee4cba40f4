import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.databases import KINDS, postgres_schema
from support.sources import PEOPLE, source_spec, subject, write_table

from unlearn_core.adapters.connectors import sql
from unlearn_core.adapters.connectors.specification import ChatPassages
from unlearn_core.adapters.connectors.sql import SqlConnector
from unlearn_core.domain.subjects import IdentifierKind
from unlearn_core.errors import InvalidDataMapError, SourceUnreadableError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a database file with the table."""
    path = tmp_path / "customers.db"
    write_table(f"sqlite:///{path}")
    return path


def open_source(path: Path, *, table: str = "customers") -> SqlConnector:
    """Return a connector to a table."""
    return SqlConnector(source_spec("sql", f"sqlite:///{path}", table=table))


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_erased_bytes_are_gone_from_every_file(path: Path, journal: str) -> None:
    """Also where SQLite was built to leave the bytes of deleted rows alone."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
    connector = open_source(path)

    def leave_bytes(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA secure_delete = OFF")

    sa.event.listen(connector._engine, "connect", leave_bytes)
    connector.erase(["r-5"], dry_run=False)
    for file in path.parent.iterdir():
        assert b"Cleo Probe" not in file.read_bytes()


def test_bytes_that_a_reader_still_holds_are_erased_by_the_next_attempt(
    path: Path,
) -> None:
    """The write-ahead log cannot be emptied under a reader of the old rows."""
    url = f"sqlite:///{path}?timeout=0.05"
    connector = SqlConnector(source_spec("sql", url, table="customers"))
    files = (path, path.with_name(f"{path.name}-wal"))
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("PRAGMA journal_mode = WAL")
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM customers").fetchall()
        with pytest.raises(SourceUnreadableError, match="problem=in use"):
            connector.erase(["r-5"], dry_run=False)
        assert any(b"Cleo Probe" in file.read_bytes() for file in files)
        reader.execute("COMMIT")
        assert connector.erase(["r-5"], dry_run=False) == 0
        assert not any(b"Cleo Probe" in file.read_bytes() for file in files)


def test_a_deletion_that_fails_half_way_deletes_nothing(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TRIGGER keep BEFORE DELETE ON customers WHEN old.id = 'r-3'"
            " BEGIN SELECT RAISE(ABORT, 'r-3 of Ada Example is kept'); END"
        )
    connector = open_source(path)
    with pytest.raises(SourceUnreadableError) as raised:
        connector.erase(["r-1", "r-3"], dry_run=False)
    assert "Ada" not in str(raised.value)
    assert len(list(connector.read())) == 5


def test_a_source_that_may_not_be_written_says_so(path: Path) -> None:
    """Opened read-only by its address, because tests may run as root."""
    url = f"sqlite:///file:{path}?mode=ro&uri=true"
    connector = SqlConnector(source_spec("sql", url, table="customers"))
    assert connector.erase(["r-1"], dry_run=True) == 1
    with pytest.raises(SourceUnreadableError):
        connector.erase(["r-1"], dry_run=False)


@pytest.mark.parametrize("content", [b"not a database at all" * 64, None])
def test_a_damaged_or_missing_database_is_unreadable(
    path: Path, content: bytes | None
) -> None:
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceUnreadableError):
        open_source(path).locate(subject())


def test_a_missing_record_column_is_named(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE plain (name TEXT)")
    connector = open_source(path, table="plain")
    for ask in (
        lambda: connector.locate(subject()),
        lambda: connector.erase(["r-1"], dry_run=True),
        lambda: connector.confirm_absent(["r-1"]),
    ):
        with pytest.raises(SourceUnreadableError, match="missing_column=id"):
            ask()


def test_a_numeric_key_serves_as_record_id(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, name TEXT)")
        connection.execute(
            "INSERT INTO notes VALUES (7, 'Ada Example'), (8, 'B Other')"
        )
        connection.commit()
    connector = open_source(path, table="notes")
    assert [record.record_id for record in connector.read()] == ["7", "8"]
    assert connector.erase(["7"], dry_run=False) == 1
    assert not connector.confirm_absent(["8"])


def test_the_table_must_be_named(path: Path) -> None:
    with pytest.raises(InvalidDataMapError, match="missing=table"):
        SqlConnector(source_spec("sql", f"sqlite:///{path}"))


@pytest.mark.parametrize(
    "url", ["not an address", "nosuchdialect://host/db", "sqlite+nosuchdriver://"]
)
def test_a_malformed_address_is_an_error_of_the_data_map(url: str) -> None:
    with pytest.raises(InvalidDataMapError, match="source=customers"):
        SqlConnector(source_spec("sql", url, table="customers"))


def test_more_rows_than_are_fetched_at_once_are_all_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "ROWS_AT_ONCE", 2)
    assert open_source(path).locate(subject()).searched == 5


def test_a_chat_kept_as_text_counts_as_unreadable(path: Path) -> None:
    spec = source_spec(
        "sql",
        f"sqlite:///{path}",
        table="customers",
        passages=[ChatPassages(messages="question", field=None)],
    )
    assert SqlConnector(spec).locate(subject()).unreadable == len(PEOPLE)
    assert list(SqlConnector(spec).read()) == []


def test_a_table_without_the_column_of_holds_is_not_erased(path: Path) -> None:
    spec = source_spec("sql", f"sqlite:///{path}", table="customers")
    connector = SqlConnector(replace(spec, held="legal_hold"))
    asks: tuple[Callable[[], object], ...] = (
        lambda: connector.locate(subject()),
        lambda: connector.erase(["r-1"], dry_run=False),
        lambda: connector.held(["r-1"]),
    )
    for ask in asks:
        with pytest.raises(SourceUnreadableError, match="missing_column=legal_hold"):
            ask()
    assert len(list(open_source(path).read())) == len(PEOPLE)


def test_whatever_the_table_keeps_is_named_as_held(path: Path) -> None:
    """A mark of signs that only Python takes for spaces."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE customers SET city = char(9) WHERE id = 'r-1'")
    spec = source_spec("sql", f"sqlite:///{path}", table="customers")
    connector = SqlConnector(replace(spec, held="city"))
    connector.erase(["r-1"], dry_run=False)
    assert connector.held(["r-1"]) == {"r-1"}


def test_redacted_bytes_are_gone_from_every_file(path: Path) -> None:
    connector = open_source(path)
    connector.redact(
        ["r-5"], subject(name="Cleo Probe", email="c@d.example"), dry_run=False
    )
    for file in path.parent.iterdir():
        assert b"Cleo Probe" not in file.read_bytes()


def test_an_identifier_becomes_empty_where_the_table_allows_it(tmp_path: Path) -> None:
    """Two people without a name do not get in each other's way in a unique column."""
    path = tmp_path / "customers.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE customers (id TEXT PRIMARY KEY, name TEXT NOT NULL,"
            " customer TEXT UNIQUE, note TEXT)"
        )
        connection.executemany(
            "INSERT INTO customers VALUES (?, ?, ?, ?)",
            [
                ("1", "Ada Example", "C-1001", "Ada Example called."),
                ("2", "Ben Muster", None, "Nothing."),
            ],
        )
        connection.commit()
    connector = open_source(path)
    assert connector.redact(["1", "2"], subject(), dry_run=False) == 1
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM customers").fetchall() == [
            ("1", "[redacted]", None, "[redacted] called."),
            ("2", "Ben Muster", None, "Nothing."),
        ]


def test_a_text_that_is_no_utf_8_makes_its_table_unreadable(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE customers SET name = CAST(x'fffe41' AS TEXT)")
        connection.commit()
    with pytest.raises(SourceUnreadableError) as caught:
        open_source(path).locate(subject())
    assert str(caught.value).endswith("(source=customers)")


NOTE = '{"n": 1.10, "m": 12345678901234567890, "say": ["Ada Example", 1E5]}'
"""A note in a column of JSON."""

Rows = list[tuple[str | None, ...]]


@contextmanager
def customers_with_json(kind: str, folder: Path, rows: Rows) -> Iterator[str]:
    """Write a table without a key that has a column of JSON; yield its address."""
    with ExitStack() as stack:
        url = (
            stack.enter_context(postgres_schema())
            if kind == "postgres"
            else f"sqlite:///{folder / 'customers.db'}"
        )
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "CREATE TABLE customers (id TEXT, name TEXT, customer TEXT, note JSON)"
            )
            note = "CAST(:note AS JSON)" if kind == "postgres" else ":note"
            for row in rows:
                connection.execute(
                    sa.text(f"INSERT INTO customers VALUES (:id, :name, :no, {note})"),  # noqa: S608 - fixed text
                    dict(zip(("id", "name", "no", "note"), row, strict=True)),
                )
        yield url


def notes_of(url: str) -> Rows:
    """Return who has which note, as text."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    query = "SELECT id, name, CAST(note AS TEXT) FROM customers ORDER BY 1, 3"
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_of_json_is_redacted_and_keeps_its_numbers(
    kind: str, tmp_path: Path
) -> None:
    other = NOTE.replace("Ada Example", "nobody")
    rows: Rows = [
        ("1", "Ada Example", "C-1001", NOTE),
        ("2", "Ada Example", "C-1001", None),
        ("3", "Ben Muster", "C-1002", other),
    ]
    with customers_with_json(kind, tmp_path, rows) as url:
        connector = SqlConnector(source_spec("sql", url, table="customers"))
        found = connector.locate(subject())
        assert [record.record_id for record in found.records] == ["1", "2"]
        assert connector.redact(["1", "2"], subject(), dry_run=False) == 2
        assert connector.confirm_redacted(["1", "2"], subject())
        assert notes_of(url) == [
            ("1", None, NOTE.replace("Ada Example", "[redacted]")),
            ("2", None, None),
            ("3", "Ben Muster", other),
        ]


def test_what_is_no_json_in_a_column_of_it_is_a_text_like_any_other(
    tmp_path: Path,
) -> None:
    rows: Rows = [("1", "Ada Example", "C-1001", '{"say": "Ada Example')]
    with customers_with_json("sqlite", tmp_path, rows) as url:
        connector = SqlConnector(source_spec("sql", url, table="customers"))
        assert connector.redact(["1"], subject(), dry_run=False) == 1
        assert notes_of(url) == [("1", None, '{"say": "[redacted]')]


@pytest.mark.parametrize("kind", KINDS)
def test_json_that_python_cannot_read_is_a_text_like_any_other(
    kind: str, tmp_path: Path
) -> None:
    note = f'{{"n": {"1" * 5000}, "say": "Ada Example"}}'
    rows: Rows = [("1", "Ben Muster", "C-1002", note)]
    with customers_with_json(kind, tmp_path, rows) as url:
        spec = source_spec("sql", url, table="customers")
        connector = SqlConnector(spec)
        found = connector.locate(subject())
        assert [item.record_id for item in found.doubtful] == ["1"]
        assert connector.redact(["1"], subject(), dry_run=False) == 1
        after = note.replace("Ada Example", "[redacted]")
        assert notes_of(url) == [("1", "Ben Muster", after)]


def test_json_that_is_nested_too_deeply_to_redact_stays_as_it_is(
    tmp_path: Path,
) -> None:
    rows: Rows = [("1", "Ada Example", "C-1001", "[" * 600 + "]" * 600)]
    with customers_with_json("sqlite", tmp_path, rows) as url:
        connector = SqlConnector(source_spec("sql", url, table="customers"))
        with pytest.raises(SourceUnreadableError):
            connector.redact(["1"], subject(), dry_run=False)
        assert notes_of(url) == [("1", "Ada Example", rows[0][3])]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_nothing_tells_apart_are_all_redacted(
    kind: str, tmp_path: Path
) -> None:
    rows: Rows = [
        ("1", "Ada Example", "C-1001", '"other"'),
        ("1", "Ada Example", "C-1001", NOTE),
        ("1", "Ada Example", "C-1001", NOTE),
        # Python reads the same in it.
        ("1", "Ada Example", "C-1001", NOTE.replace("1.10", "1.1")),
    ]
    with customers_with_json(kind, tmp_path, rows) as url:
        connector = SqlConnector(source_spec("sql", url, table="customers"))
        assert connector.redact(["1"], subject(), dry_run=False) == 4
        assert connector.redact(["1"], subject(), dry_run=False) == 0
        after = NOTE.replace("Ada Example", "[redacted]")
        assert sorted(notes_of(url), key=str) == [
            ("1", None, '"other"'),
            ("1", None, after.replace("1.10", "1.1")),
            ("1", None, after),
            ("1", None, after),
        ]


def test_a_row_on_hold_stays_though_nothing_else_tells_it_apart(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'customers.db'}"
    ada = ("1", "Ada Example", "C-1001")
    with closing(sqlite3.connect(tmp_path / "customers.db")) as connection:
        connection.execute("CREATE TABLE customers (id, name, customer, hold)")
        connection.executemany(
            "INSERT INTO customers VALUES (?, ?, ?, ?)", [(*ada, "no"), (*ada, "yes")]
        )
        connection.commit()
        spec = replace(source_spec("sql", url, table="customers"), held="hold")
        assert SqlConnector(spec).redact(["1"], subject(), dry_run=False) == 1
        rows = connection.execute("SELECT * FROM customers").fetchall()
    assert rows == [("1", None, None, "no"), (*ada, "yes")]


def test_a_table_that_does_not_take_what_is_left_stays_as_it_was(
    tmp_path: Path,
) -> None:
    path = tmp_path / "customers.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE customers (id TEXT PRIMARY KEY, name TEXT NOT NULL"
            " CHECK (length(name) > 10), customer TEXT)"
        )
        rows = [("1", "Ada Example", "C-1001"), ("2", "ADA EXAMPLE", "C-1001")]
        connection.executemany("INSERT INTO customers VALUES (?, ?, ?)", rows)
        connection.commit()
    with pytest.raises(SourceUnreadableError):
        open_source(path).redact(["1", "2"], subject(), dry_run=False)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM customers").fetchall() == rows


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("REAL", 1e20),
        ("BOOLEAN", 1),
        ("DATETIME", "2026-03-02 09:00:00.000000"),
        ("NUMERIC(8, 2)", "1.1"),
        ("JSON", '{"a": 1}'),
    ],
)
@pytest.mark.parametrize("does_redact", [False, True])
def test_a_row_is_erased_whatever_python_would_call_it(
    tmp_path: Path, kind: str, value: object, *, does_redact: bool
) -> None:
    """The database compares its own text with the identifier, not that of Python."""
    path = tmp_path / "customers.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute(
            f"CREATE TABLE customers (id {kind} PRIMARY KEY, name TEXT, note TEXT)"
        )
        row = (value, "Ada Example", "Ada Example of C-1001")
        database.execute("INSERT INTO customers VALUES (?, ?, ?)", row)
        database.commit()
    source = open_source(path)
    (found,) = source.locate(subject()).records
    if does_redact:
        assert source.redact([found.record_id], subject(), dry_run=False) == 1
    else:
        assert source.erase([found.record_id], dry_run=False) == 1
    assert source.locate(subject()).records == ()
    assert len(list(source.read())) == does_redact


def test_a_row_without_an_identifier_is_not_said_to_be_erased(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE customers SET id = NULL WHERE id = 'r-3'")
        database.commit()
    found = open_source(path).locate(subject())
    assert [item.record_id for item in found.records] == ["r-1"]
    assert (found.searched, found.unreadable) == (4, 1)
    assert list(open_source(path).identities()).count(None) == 1


def test_many_people_are_searched_for_in_one_pass(path: Path) -> None:
    source = open_source(path)
    people = [subject(), subject(name="Ben Muster", customer_number="C-1002")]
    apart = tuple(source.locate(person) for person in people)
    reads: list[object] = []

    def read(*said: object) -> None:
        reads.extend(text for text in said if "FROM customers" in str(text))

    sa.event.listen(source._engine, "before_cursor_execute", read)
    assert source.locate_each(people) == apart
    assert [len(result.records) for result in apart] == [2, 1]
    assert len(reads) == 1


def test_every_row_states_who_it_is_about(path: Path) -> None:
    stated = list(open_source(path).identities())
    names = [one.identifiers[IdentifierKind.NAME] for one in stated if one]
    assert [name.reveal() for name in names] == [row["name"] for row in PEOPLE]
