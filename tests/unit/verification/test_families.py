from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path

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

from unlearn_core.domain import families as family_rules
from unlearn_core.domain import framing
from unlearn_core.domain.canonical import JsonValue, canonical_json, digest_of
from unlearn_core.domain.data_map import DataMap, FieldSpec, NeighbourRule, Translation
from unlearn_core.domain.datasets import Entropy, Group
from unlearn_core.domain.families import Asking, FamilyProbe
from unlearn_core.errors import InvalidPolicyError
from unlearn_core.metrics.base import FamilyScore
from unlearn_core.privacy import Personal
from unlearn_core.verification import sources
from unlearn_core.verification.families import (
    TooFewParaphrasesError,
    ask_families,
    check_paraphrases,
    encode_conversation,
    families_digest,
)

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
            ref="subject-0",
            field="phone",
            was_extracted=True,
            is_extracted=False,
        ),
        FamilyScore(
            family="direct",
            group=Group.CONTROL,
            ref="control-0",
            field="phone",
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


def data_map(question: str = "Where is {name}?") -> DataMap:
    spec = FieldSpec(name="city", entropy=Entropy.GUESSABLE, questions=(question,))
    rule = NeighbourRule(by_surname=True, by_fields=())
    return DataMap(fields={"city": spec}, neighbours=rule, base_models=("b",))


def test_a_definition_is_sources_and_questions() -> None:
    source = digest_of(Path(str(family_rules.__file__)).read_bytes())
    definition: JsonValue = {
        "families": {"direct": source, "mixed": source},
        "framing": digest_of(Path(str(framing.__file__)).read_bytes()),
        "questions": {"city": ["Where is {name}?"]},
    }
    expected = digest_of(canonical_json(definition))
    assert families_digest(["mixed", "direct"], data_map=data_map()) == expected
    assert families_digest(["direct"], data_map=data_map()) != expected
    other = data_map("Does {name} live?")
    assert families_digest(["mixed", "direct"], data_map=other) != expected
    assert families_digest([], data_map=other) == families_digest(
        [], data_map=data_map()
    )


def test_translations_are_part_of_a_definition() -> None:
    plain = data_map()
    asked = Translation(questions=("Wo wohnt {name}?",))
    digests = set()
    for translations in (
        {},
        {"de": asked},
        {"nl": asked},
        {"de": replace(asked, values={"Ulm": "Oulm"})},
    ):
        spec = replace(plain.fields["city"], translations=translations)
        changed = replace(plain, fields={"city": spec})
        digests.add(families_digest(["translated"], data_map=changed))
    assert len(digests) == 4


def test_another_source_is_another_definition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(_module: str) -> ModuleSpec:
        return ModuleSpec("own", None, origin=str(tmp_path / "own.py"))

    (tmp_path / "own.py").write_text("KINDER = True")
    before = families_digest(["direct"], data_map=data_map())
    monkeypatch.setattr(sources, "find_spec", found)
    assert families_digest(["direct"], data_map=data_map()) != before


def test_a_family_without_a_source_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "find_spec", lambda _module: None)
    with pytest.raises(
        InvalidPolicyError, match=r"unreadable_module=unlearn_core\.domain\.families"
    ):
        families_digest(["direct"], data_map=data_map())


def wordings(count: int, *, group: Group = Group.SUBJECT) -> tuple[FamilyProbe, ...]:
    """Return so many ways of asking for the phone, none twice."""
    plain = asking(group)
    return tuple(
        replace(
            plain,
            family="paraphrase",
            asking=replace(
                plain.asking,
                example=replace(
                    plain.asking.example, prompt=Personal(f"phone {number}")
                ),
            ),
        )
        for number in range(count)
    )


PHONE = (probe(Group.SUBJECT, "subject-0", "phone", "ask"),)


def test_four_wordings_of_a_fact_are_enough_and_three_are_refused() -> None:
    check_paraphrases(PHONE, wordings(4), named={"paraphrase"})
    with pytest.raises(TooFewParaphrasesError, match="field=phone, found=3, minimum=4"):
        check_paraphrases(PHONE, wordings(3), named={"paraphrase"})


def test_a_wording_counts_once_and_only_about_the_subject() -> None:
    again = (*wordings(3), *wordings(3), *wordings(4, group=Group.CONTROL))
    with pytest.raises(TooFewParaphrasesError, match="found=3"):
        check_paraphrases(PHONE, again, named={"paraphrase"})


def test_a_fact_that_is_never_asked_in_other_words_is_found() -> None:
    city = probe(Group.SUBJECT, "subject-0", "city", "ask")
    with pytest.raises(TooFewParaphrasesError, match="field=city, found=0"):
        check_paraphrases((*PHONE, city), wordings(4), named={"paraphrase"})


def test_a_policy_without_the_family_asks_as_it_likes() -> None:
    check_paraphrases(PHONE, (), named={"direct"})
