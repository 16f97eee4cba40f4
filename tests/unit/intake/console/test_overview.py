from datetime import date, timedelta

from support.browser import SignIn
from support.intake import IntakeWorld

from unlearn_core.adapters.memory.delivery import MemoryFleet
from unlearn_core.domain.access import Role
from unlearn_core.domain.replicas import REPLICA_CUT_OFF
from unlearn_core.domain.requests import Outcome, RequestId, Stage
from unlearn_core.intake.console.inbox import read_rows
from unlearn_core.intake.console.overview import (
    read_answered,
    read_months,
)


def close(world: IntakeWorld, key: RequestId, outcome: Outcome) -> None:
    world.move(key, Stage.WITHDRAWN, {"on": "2026-03-03"}, outcome)
    world.move(key, Stage.PURGED)
    world.move(key, Stage.NOTIFIED)


def test_the_calendar_shows_four_months_and_each_deadline_on_its_day(
    world: IntakeWorld, sign_in: SignIn
) -> None:
    key = world.receive()
    desk = world.console()
    months = read_months(list(read_rows(desk)), desk)
    assert [month.first for month in months] == [
        date(2026, number, 1) for number in (3, 4, 5, 6)
    ]
    days = [day for month in months for week in month.weeks for day in week if day]
    assert len(days) == 31 + 30 + 31 + 30
    (due,) = [day for day in days if day.rows]
    assert (due.on, due.is_off) == (date(2026, 4, 2), False)
    assert {day.on.weekday() for day in days if day.is_off} == {5, 6}
    shown = sign_in(Role.OPERATOR).get("/console/calendar")
    assert f'<a class="calm" href="/console/requests/{key}">' in shown
    assert "Overdue" not in shown


def test_overdue_requests_stand_above_the_calendar(
    world: IntakeWorld, sign_in: SignIn
) -> None:
    world.receive()
    world.clock.move(timedelta(days=40))
    assert "9 days overdue" in sign_in(Role.OPERATOR).get("/console/calendar")


def test_figures_count_the_requests_of_a_year(
    world: IntakeWorld, sign_in: SignIn
) -> None:
    closed, _open = world.receive(), world.receive()
    world.clock.move(timedelta(days=3))
    close(world, closed, Outcome.WITHDRAWN)
    (answered,) = [item for item in read_answered(world.console()) if item.answered_on]
    assert answered.answered_on == date(2026, 3, 5)
    shown = sign_in(Role.ADMIN).get("/console/figures?year=2026")
    assert "<dt>received</dt><dd>2</dd>" in shown
    assert "<dt>not answered yet</dt><dd>1</dd>" in shown
    assert "<dd>3 days</dd>" in shown
    assert "figures?year=2026" in sign_in(Role.ADMIN).get("/console/figures?year=x")


def test_figures_say_why_requests_were_denied(
    world: IntakeWorld, sign_in: SignIn
) -> None:
    declined, unverified = world.receive(), world.receive()
    world.move(
        declined,
        Stage.DECLINED,
        {"reason": "no_ground", "on": "2026-03-02"},
        Outcome.REFUSED,
    )
    world.move(unverified, Stage.ACKNOWLEDGED)
    world.move(unverified, Stage.REFUSED, outcome=Outcome.REFUSED)
    for key in (declined, unverified):
        world.move(key, Stage.PURGED)
        world.clock.move(timedelta(days=1))
        world.move(key, Stage.NOTIFIED)
    shown = sign_in(Role.ADMIN).get("/console/figures")
    for words in ("no ground of Art. 17(1) applies", "Identity not verified"):
        assert f'<th scope="row">{words}</th>' in shown
    assert "<dt>mean time to the answer</dt><dd>1.5 days</dd>" in shown


def test_replicas_are_compared_with_the_version_that_was_promoted(
    world: IntakeWorld,
) -> None:
    world.fleet = MemoryFleet(["first", "second", "third"])
    first, second = world.receive(), world.receive()
    desk = world.console().fleet
    assert desk.wanted() == 0
    world.store.note(Stage.PROMOTED, {"sequence": 4}, request_id=first)
    world.store.note(Stage.REGISTERED, {"sequence": 5}, request_id=second)
    assert desk.wanted() == 4  # the fifth is not promoted yet
    world.fleet.serve("first", version="4", sequence=4)
    world.fleet.serve("second", version="4", sequence=4, oldest_in_flight=3)
    assert [seen.holds_up for seen in desk.look()] == [False, True, True]


def test_the_page_of_the_replicas_says_who_is_behind(
    world: IntakeWorld, sign_in: SignIn
) -> None:
    key = world.receive()
    world.store.note(Stage.PROMOTED, {"sequence": 4}, request_id=key)
    for name, sequence in (("replica-1", 4), ("replica-2", 3)):
        world.fleet.serve(name, version="v", sequence=sequence)
    shown = sign_in(Role.OPERATOR).get("/console/replicas")
    assert "serve version 4" in shown
    words = ("converged</span>", "behind</span>", "not answering</span>")
    assert [shown.count(word) for word in words] == [1, 1, 1]
    assert "From registration" not in shown


def test_the_page_of_the_replicas_says_who_was_cut_off_and_how_long_versions_took(
    world: IntakeWorld, sign_in: SignIn
) -> None:
    key = world.receive()
    world.store.note(Stage.PROMOTED, {"sequence": 4}, request_id=key)
    for seconds in (1.0, 9.0, 2.0):
        world.store.note(Stage.SERVING_CONFIRMED, {"seconds": seconds}, request_id=key)
    for name in ("replica-1", "replica-2", "replica-3"):
        world.store.note(
            REPLICA_CUT_OFF,
            {
                "replica": name,
                "address": f"http://{name}",
                "officer": "anna",
                "is_gone": name == "replica-3",
            },
        )
    world.fleet.stop("replica-1")
    world.fleet.serve("replica-2", version="3", sequence=3)
    shown = sign_in(Role.OPERATOR).get("/console/replicas")
    # The first and the third are out; the second goes on answering.
    words = ("cut off</span>", "cut off, has not said so yet</span>", "it is gone")
    assert [shown.count(word) for word in words] == [2, 1, 1]
    assert "2.0 s for the latest version, 2.0 s in the median and 9.0 s" in shown
