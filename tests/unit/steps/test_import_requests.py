import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from support.domain import NOW
from support.intake import IntakeWorld

from unlearn_core.domain.requests import Channel
from unlearn_core.errors import LeaseBusyError, StorageError
from unlearn_core.privacy import Personal, Pseudonymiser
from unlearn_core.steps import import_requests as module
from unlearn_core.steps import scopes
from unlearn_core.steps.import_requests import (
    Imported,
    ImportRefusedError,
    import_requests,
    preview_import,
    read_lines,
)
from unlearn_core.steps.receive_request import (
    ReferenceTakenError,
    receive_request,
    referred_id,
)

HEAD = "reference,name,email,received_at"
TABLE = f"""{HEAD}
T-1,Ottilie Quastenflosser,ottilie@fins.example,
T-2,Xaver Beispiel,x@beispiel.example|xaver@work.example,2026-02-20T23:30:00+01:00
"""


@pytest.fixture
def world() -> IntakeWorld:
    return IntakeWorld()


def take_in(world: IntakeWorld, table: str = TABLE) -> list[Imported]:
    lines = read_lines(table.encode(), now=world.clock.now())
    return list(import_requests(lines, desk=world.desk()))


def refusal_of(table: str | bytes) -> str:
    raw = table if isinstance(table, bytes) else table.encode()
    with pytest.raises(ImportRefusedError) as refused:
        read_lines(raw, now=NOW)
    return str(refused.value)


def test_every_line_becomes_a_request_with_the_clock_of_its_receipt(
    world: IntakeWorld,
) -> None:
    first, second = take_in(world)
    assert [(item.number, item.is_new) for item in (first, second)] == [
        (2, True),
        (3, True),
    ]
    assert first.request is not None
    assert second.request is not None
    assert first.request.received_at == NOW
    assert second.request.received_at == datetime(2026, 2, 20, 22, 30, tzinfo=UTC)
    assert second.request.deadline.due_on == date(2026, 3, 20)
    assert second.request.channel is Channel.IMPORT
    scope = scopes.working(second.request.request_id)
    assert json.loads(world.custody.get(scope, scopes.CONTENT)) == {
        "name": ["Xaver Beispiel"],
        "email": ["x@beispiel.example", "xaver@work.example"],
    }


def test_importing_again_makes_no_request_twice(world: IntakeWorld) -> None:
    before = take_in(world)
    again = take_in(world, TABLE + "T-3,Ben Neu,ben@neu.example,\n")
    assert [item.is_new for item in again] == [False, False, True]
    assert [item.request for item in again[:2]] == [item.request for item in before]
    assert len(world.store.all()) == 3


def test_looking_first_tells_what_would_happen_and_keeps_nothing(
    world: IntakeWorld,
) -> None:
    lines = read_lines(TABLE.encode(), now=NOW)
    assert [item.to_json() for item in preview_import(lines, desk=world.desk())] == [
        {"line": number, "is_new": True, "request_id": None, "due_on": None}
        for number in (2, 3)
    ]
    assert world.store.all() == ()
    take_in(world)
    assert not any(item.is_new for item in preview_import(lines, desk=world.desk()))


def test_an_import_that_was_cut_off_goes_on_where_it_stopped(
    world: IntakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[None] = []

    def cut_off(submission: object, *, desk: object) -> object:
        if taken:
            raise StorageError
        taken.append(None)
        return receive_request(submission, desk=desk)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(module, "receive_request", cut_off)
        with pytest.raises(StorageError):
            take_in(world)
    assert [item.is_new for item in take_in(world)] == [False, True]
    assert len(world.store.all()) == 2


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("T-1,Ottilie,o@fins.example,", "2 (kind name; problem empty or malformed)"),
        ("T-1,Ottilie Q,fins,", "2 (kind email; problem empty or malformed)"),
        ("T-1,Ottilie Q,,", "2 (missing second identifier)"),
        (",Ottilie Q,o@fins.example,", "2 (kind reference"),
        ("T-1,Ottilie Q,o@fins.example,today", "problem not a moment"),
        ("T-1,Ottilie Q,o@fins.example,2026-02-01T10:00:00", "problem no time zone"),
        ("T-1,Ottilie Q,o@fins.example,2027-01-01T00:00:00Z", "problem in the future"),
        ("T-1,Ottilie Q,o@fins.example,0226-03-02T10:00:00Z", "problem too long ago"),
        ("T-1,Ottilie Q,o@fins.example,0001-01-01T00:00+14:00", "too long ago"),
        (
            "T-1,Ottilie Q,o@fins.example,\n\nT-1,Ben N,b@neu.example,",
            "4 (kind reference; problem twice in the table)",
        ),
        ('T-1,"Ottilie\nQ",fins,\nT-2,Ottilie,b@neu.example,', "4 (kind name"),
        ("T-1,Ottilie Q,o@fins.example", "line=2"),
        ('T-1,"Ottilie Q"x,o@fins.example,', "not CSV"),
    ],
)
def test_a_wrong_line_is_named_by_number_and_column_and_not_repeated(
    lines: str, said: str
) -> None:
    told = refusal_of(f"{HEAD}\n{lines}\n")
    assert said in told
    assert not [word for word in ("Ottilie", "fins", "neu.example") if word in told]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (b"", "no lines"),
        (HEAD.encode(), "no lines"),
        (b"\xff\xfe", "not UTF-8"),
        (b"name,email\nA B,a@b.example\n", "missing=reference"),
        (b"reference,name,name\n1,A B,C D\n", "columns"),
        (b"reference,name,Ottilie\n1,A B,C D\n", "columns"),
        (b"x" * (module.MAXIMUM_BYTES + 1), "too large"),
    ],
)
def test_what_is_no_table_is_refused(table: bytes, said: str) -> None:
    told = refusal_of(table)
    assert said in told
    assert "Ottilie" not in told


def test_one_wrong_line_keeps_the_right_ones_out(world: IntakeWorld) -> None:
    with pytest.raises(ImportRefusedError):
        take_in(world, TABLE + "T-3,Ben,ben@neu.example,\n")
    assert world.store.all() == ()


def test_only_the_first_wrong_lines_are_named_and_all_counted() -> None:
    told = refusal_of(f"{HEAD}\n" + "T,Ben,ben@neu.example,\n" * 50)
    assert "wrong_lines=50" in told
    assert "21 (" in told
    assert "22 (" not in told


def test_one_line_too_many_is_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_LINES", 1)
    assert "too many lines" in refusal_of(TABLE)


def test_a_reference_of_another_person_keeps_the_whole_table_out(
    world: IntakeWorld,
) -> None:
    take_in(world)
    table = f"{HEAD}\nT-9,Ada Neu,ada@neu.example,\nT-1,Ben Neu,ben@neu.example,\n"
    with pytest.raises(ImportRefusedError, match=r"3 \(kind reference") as refused:
        take_in(world, table)
    assert "T-1" not in str(refused.value)
    assert len(world.store.all()) == 2


def test_a_reference_of_another_person_is_refused(world: IntakeWorld) -> None:
    first, second = (
        line.submission for line in read_lines(TABLE.encode(), now=world.clock.now())
    )
    receive_request(first, desk=world.desk())
    with pytest.raises(ReferenceTakenError):
        receive_request(replace(second, reference=first.reference), desk=world.desk())


def test_importing_again_after_the_key_was_rotated_makes_no_request_twice(
    world: IntakeWorld,
) -> None:
    take_in(world)
    desk = world.desk()
    rotated = replace(
        desk,
        pseudonymiser=Pseudonymiser(
            key=b"n" * 32, key_id="k2", earlier=desk.pseudonymiser.all
        ),
    )
    lines = read_lines(TABLE.encode(), now=NOW)
    assert [item.is_new for item in import_requests(lines, desk=rotated)] == [
        False,
        False,
    ]
    assert len(world.store.all()) == 2


def test_equal_references_of_different_senders_are_different_requests(
    world: IntakeWorld,
) -> None:
    (first, _), (other, _) = (
        read_lines(TABLE.encode(), now=NOW, submitted_by=who)
        for who in ("key:1", "key:2")
    )
    made = [
        receive_request(
            replace(line.submission, channel=Channel.HTTP), desk=world.desk()
        ).request_id
        for line in (first, other, first)
    ]
    assert made[0] == made[2] != made[1]


def test_while_a_reference_is_taken_in_nobody_else_takes_it_in(
    world: IntakeWorld,
) -> None:
    (line, _) = read_lines(TABLE.encode(), now=NOW)
    desk = world.desk()
    key = referred_id(line.submission, pseudonymiser=desk.pseudonymiser)
    held = world.leases.acquire(
        f"intake/{key}", holder="another", ttl=timedelta(seconds=30)
    )
    with pytest.raises(LeaseBusyError):
        receive_request(line.submission, desk=desk)
    world.leases.release(held)
    assert receive_request(line.submission, desk=desk).request_id == key


def test_without_a_reference_there_is_no_request_that_it_leads_to(
    world: IntakeWorld,
) -> None:
    (line, _) = read_lines(TABLE.encode(), now=NOW)
    assert line.submission.reference == Personal("T-1")
    with pytest.raises(ValueError, match="without a reference"):
        referred_id(
            type(line.submission)(
                subject=line.submission.subject,
                evidence=None,
                contact=None,
                channel=Channel.IMPORT,
            ),
            pseudonymiser=world.desk().pseudonymiser,
        )


@pytest.mark.parametrize(
    ("column", "value"), [("contact", "a" * 201), ("identity_token", "a" * 4001)]
)
def test_a_contact_or_token_that_is_too_long_refuses_the_table(
    column: str, value: str
) -> None:
    table = f"reference,name,email,{column}\nT-1,Ada Example,a@b.example,{value}\n"
    told = refusal_of(table)
    assert f"2 (kind {column}; problem too long)" in told
    assert value not in told


def test_who_imports_is_recorded_and_changes_no_reference(world: IntakeWorld) -> None:
    def imported_by(who: str) -> list[Imported]:
        lines = read_lines(TABLE.encode(), now=world.clock.now(), submitted_by=who)
        return list(import_requests(lines, desk=world.desk()))

    first, again = imported_by("account:aaaa"), imported_by("account:bbbb")
    assert [one.request for one in first] == [one.request for one in again]
    (entry, _) = world.store.entries(event="received")
    assert entry.payload["submitted_by"] == "account:aaaa"
