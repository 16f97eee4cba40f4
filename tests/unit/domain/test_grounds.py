import pytest
from support.domain import ledger_entry

from unlearn_core.domain.grounds import ARTICLES, Ground, ground_of, read_ground
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.errors import InvalidIdentifierError


def said(event: str, ground: str | None) -> LedgerEntry:
    return ledger_entry(event, payload={} if ground is None else {"ground": ground})


def test_every_letter_of_the_law_has_its_ground_in_order() -> None:
    assert list(ARTICLES) == list(Ground)
    assert [article[:12] for article in ARTICLES.values()] == [
        f"Art. 17(1)({letter}"[:12] for letter in "abcdef"
    ]
    assert "Art. 21" in ARTICLES[Ground.OBJECTION]


@pytest.mark.parametrize(
    ("entries", "ground", "is_examined"),
    [
        ([said("received", "objection")], "objection", False),
        ([said("received", "objection"), said("approved", None)], "objection", False),
        ([said("received", None), said("approved", "unlawful")], "unlawful", True),
        (
            [said("received", "objection"), said("approved", "unlawful")],
            "unlawful",
            True,
        ),
        # A proposal alone changes nothing.
        (
            [said("received", "objection"), said("decision_proposed", "unlawful")],
            "objection",
            False,
        ),
    ],
)
def test_what_officers_approve_counts_more_than_what_was_claimed(
    entries: list[LedgerEntry], ground: str, *, is_examined: bool
) -> None:
    standing = ground_of(entries)
    assert standing is not None
    assert (standing.ground, standing.is_examined) == (ground, is_examined)


def test_nobody_has_to_name_a_ground() -> None:
    assert ground_of([said("received", None), said("approved", None)]) is None
    assert read_ground(None) is None
    assert read_ground("") is None


@pytest.mark.parametrize("value", ["because", "Objection", 7, ["objection"]])
def test_what_is_no_ground_is_refused_and_not_repeated(value: object) -> None:
    with pytest.raises(InvalidIdentifierError) as raised:
        read_ground(value)
    assert raised.value.facts == {"kind": "ground", "problem": "not known"}
