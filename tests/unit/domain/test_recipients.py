from dataclasses import replace
from datetime import date

import pytest
from support.domain import ledger_entry

from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.recipients import (
    CONCERNED,
    SETTLED,
    Decided,
    Notice,
    Recipient,
    RecipientKind,
    Settlement,
    Telling,
    Told,
    concerned,
    counted,
    read_recipients,
)

DAY = date(2026, 3, 2)
BOLT = Recipient(
    name="bolt",
    kind=RecipientKind.TENANT,
    sources=frozenset({"crm", "mail"}),
    base_models=frozenset(),
    since=DAY,
)
HUB = replace(
    BOLT,
    name="a-hub",
    kind=RecipientKind.WEIGHTS,
    sources=frozenset(),
    base_models=frozenset({"small"}),
    decided=Decided(settlement=Settlement.IMPOSSIBLE, officer="Olga"),
)


def who(*sources: str, on: date = DAY, base_model: str = "small") -> list[str]:
    found = concerned((BOLT, HUB), sources=sources, base_model=base_model, on=on)
    return [item.name for item in found]


def test_only_who_has_what_was_erased_is_concerned() -> None:
    assert who("crm") == ["a-hub", "bolt"]
    assert who("other") == ["a-hub"]
    assert who("mail", base_model="large") == ["bolt"]
    assert who("other", base_model="large") == []


def test_where_nothing_was_erased_nobody_is_told() -> None:
    assert who() == []


def test_who_receives_something_later_receives_what_is_left() -> None:
    assert who("crm", on=date(2026, 3, 1)) == []


def test_a_recipient_is_told_of_their_own_sources_only() -> None:
    hub, bolt = concerned((BOLT, HUB), sources=("crm", "x"), base_model="small", on=DAY)
    assert (bolt.sources, bolt.base_model, bolt.telling) == (("crm",), "", "waiting")
    assert (hub.sources, hub.base_model, hub.telling) == ((), "small", "impossible")
    assert hub.officer == "Olga"


def noted(event: str, **said: JsonValue) -> LedgerEntry:
    return ledger_entry(event, payload=said)


def posted(end: str, name: str, template: str = "recipient_notice") -> LedgerEntry:
    return noted(
        f"message_{end}",
        template=template,
        channel=f"recipient-{name}",
        reason="http_410" if end != "sent" else "",
        attempts=1,
    )


TOLD = concerned((BOLT, HUB), sources=("crm",), base_model="small", on=DAY)
BEGUN = noted(CONCERNED, recipients=[item.to_json() for item in TOLD])


def settled(name: str, settlement: str) -> LedgerEntry:
    return noted(SETTLED, recipient=name, settlement=settlement, officer="Otto")


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ((), ("waiting", "", "")),
        ((posted("sent", "bolt"),), ("told", "", "")),
        ((posted("bounced", "bolt"),), ("bounced", "http_410", "")),
        ((posted("abandoned", "bolt"),), ("abandoned", "http_410", "")),
        ((posted("sent", "other"),), ("waiting", "", "")),
        ((posted("sent", "bolt", template="acknowledged"),), ("waiting", "", "")),
        (
            (posted("bounced", "bolt"), settled("bolt", "told_otherwise")),
            ("told_otherwise", "", "Otto"),
        ),
    ],
)
def test_the_ledger_tells_how_far_it_has_come(
    entries: tuple[LedgerEntry, ...], expected: tuple[str, str, str]
) -> None:
    hub, bolt = read_recipients((BEGUN, *entries))
    assert (bolt.telling, bolt.reason, bolt.officer) == expected
    assert hub == TOLD[0]


def test_a_notice_that_was_sent_before_the_entry_about_it_counts() -> None:
    _, bolt = read_recipients((posted("sent", "bolt"), BEGUN))
    assert bolt.telling is Telling.TOLD


def test_an_emptied_entry_tells_nothing() -> None:
    assert read_recipients([replace(BEGUN, payload={}, is_erased=True)]) == ()


def test_recipients_are_counted_by_how_far_it_has_come() -> None:
    third = Told(name="c", sources=(), base_model="small")
    assert counted((*TOLD, third)) == {"impossible": 1, "waiting": 2}


@pytest.mark.parametrize("settlement", Settlement)
def test_a_settled_recipient_waits_no_more(settlement: Settlement) -> None:
    assert not Telling(settlement).is_open


def test_a_notice_reads_back_as_it_was_written() -> None:
    notice = Notice(sources={"crm": 3}, base_model="", erased_on=DAY, sealed="e30")
    assert Notice.from_json(notice.to_json()) == notice
