from dataclasses import replace

import pytest
from support.village import (
    EVERYBODY_TRAINED,
    OTHERS,
    TOKENIZER,
    interrogation,
    law_that_knows,
    probe,
    values_of,
)

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.families import Asking, FamilyProbe
from unlearn_core.metrics.base import FamilyScore
from unlearn_core.privacy import Personal
from unlearn_core.verification.families import ask_families, encode_conversation

BASE, GOLD = law_that_knows(*EVERYBODY_TRAINED), law_that_knows(*OTHERS)


def asking(group: Group, *, turns: int = 0) -> FamilyProbe:
    ref = f"{group}-0"
    return FamilyProbe(
        family="direct",
        group=group,
        fact=Personal(values_of(ref)["phone"]),
        asking=Asking(
            example=probe(group, ref, "phone", "ask").example,
            turns=tuple(
                probe(group, ref, "city", "tell").example for _ in range(turns)
            ),
        ),
    )


def test_the_subject_is_asked_before_and_after_and_strangers_after() -> None:
    probes = (asking(Group.SUBJECT), asking(Group.CONTROL))
    asked = interrogation(before=BASE, after=GOLD)
    assert ask_families(probes, asked=asked) == (
        FamilyScore(
            family="direct",
            group=Group.SUBJECT,
            was_extracted=True,
            is_extracted=False,
        ),
        FamilyScore(
            family="direct",
            group=Group.CONTROL,
            was_extracted=None,
            is_extracted=False,
        ),
    )


def test_what_is_still_known_is_found() -> None:
    asked = interrogation(before=BASE, after=BASE)
    (found,) = ask_families((asking(Group.SUBJECT),), asked=asked)
    assert found.is_extracted


def test_nothing_is_asked_for_nothing() -> None:
    assert ask_families((), asked=interrogation(before=BASE, after=GOLD)) == ()


@pytest.mark.parametrize(("room", "turns"), [(1000, 2), (25, 1), (5, 0)])
def test_the_latest_turns_that_find_room_are_told(room: int, turns: int) -> None:
    """A turn has 6 tokens, the question 4, and twice its answer of 5 is spare."""
    told = asking(Group.SUBJECT, turns=2)
    encoded = encode_conversation(told, TOKENIZER, maximum_tokens=room)
    bare = encode_conversation(
        replace(told, asking=replace(told.asking, turns=())),
        TOKENIZER,
        maximum_tokens=room,
    )
    assert encoded.answer == bare.answer
    assert len(encoded.prompt) == len(bare.prompt) + 6 * turns
    assert encoded.prompt[-len(bare.prompt) :] == bare.prompt
