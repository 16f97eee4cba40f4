import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.domain import CITIES, data_map, passage, people, person, record

from unlearn_core.domain.curation import Material, curate
from unlearn_core.domain.data_map import Sizes
from unlearn_core.domain.datasets import (
    Datasets,
    Example,
    Form,
    Group,
    Made,
    PersonFacts,
    check_disjoint,
    to_bytes,
)
from unlearn_core.domain.sources import SourceRecord
from unlearn_core.errors import OverlappingSetsError
from unlearn_core.privacy import Personal

SMALL = Sizes(
    twins=4,
    twin_versions=2,
    retain_people=12,
    neighbour_probes=3,
    retained_probes=4,
    plain_texts=2,
    strangers=10,
    control_questions=2,
    alternatives=3,
    trained_questions=2,
)

ASKED = passage("What is the city of Ada Example?", "Ulm")
TOLD = passage("Ada Example moved to", " Ulm with 555-0100.", form=Form.CONTINUATION)


LOCATED = (
    record("r-1", fields={"city": "Ulm"}, passages=(ASKED, TOLD)),
    record("r-2", name=None, fields={"phone": "555-0100"}, passages=(ASKED,)),
)
RESERVED = people(12, prefix="control", start=24)


def material(
    *,
    guessed: frozenset[tuple[str, str]] = frozenset(),
    reserved: tuple[PersonFacts, ...] = RESERVED,
    records: tuple[SourceRecord, ...] = LOCATED,
) -> Material:
    others = (
        person("Emma Example", ref="retained-x", city="Celle", phone="555-7"),
        *people(20, prefix="retained"),
    )
    return Material(
        stated_name=Personal("ada example"),
        located=records,
        others=others,
        plain=tuple(
            passage(f"The river {number}", " flows.", field="", form=Form.CONTINUATION)
            for number in range(5)
        ),
        reserved=people(12, prefix="control", start=24)
        if reserved is None
        else reserved,
        guessed=guessed,
    )


def build(
    made_of: Material | None = None, *, seed: str = "seed", sizes: Sizes = SMALL
) -> Datasets:
    return curate(
        made_of or material(),
        data_map=data_map(),
        token_count=len,
        seed=seed,
        sizes=sizes,
    )


def prompts(examples: tuple[Example, ...]) -> set[str]:
    return {item.prompt.reveal() for item in examples}


SEEDS = st.integers(0, 10_000).map(str)
few = settings(max_examples=25)  # every example builds all sets


@few
@given(SEEDS)
def test_sets_are_disjoint_whatever_the_seed(seed: str) -> None:
    check_disjoint(build(seed=seed))


@pytest.mark.parametrize("name", ["Ada Example", "EXAMPLE, ADA", "Ad\u00e1  Example"])
def test_a_namesake_is_neither_retained_nor_held_out(name: str) -> None:
    namesake = person(name, ref="same", city="Celle", phone="555-9")
    given = material(reserved=(*RESERVED, namesake))
    given = replace(given, others=(*given.others, namesake))
    sets = curate(given, data_map=data_map(), token_count=len, seed="s", sizes=SMALL)
    check_disjoint(sets)
    everybody = (*sets.retain.people, *sets.holdout.controls, *sets.holdout.twins)
    assert namesake not in everybody
    assert len(everybody) == SMALL.retain_people + len(RESERVED)


@few
@given(SEEDS)
def test_no_probe_was_ever_trained_on(seed: str) -> None:
    sets = build(seed=seed)
    trained = prompts(
        (
            *sets.forget.examples,
            *sets.retain.examples,
            *sets.holdout.strangers,
            *(item for version in sets.forget.twins for item in version),
        )
    )
    assert trained.isdisjoint(prompts(tuple(item.example for item in sets.probes)))


@few
@given(SEEDS)
def test_twins_never_serve_as_controls_nor_are_they_probed(seed: str) -> None:
    sets = build(seed=seed)
    twins = {item.ref for item in sets.holdout.twins}
    controls = {item.ref for item in sets.holdout.controls}
    assert (len(twins), len(controls)) == (4, 8)
    assert twins.isdisjoint(controls)
    assert {
        item.example.ref for item in sets.probes if item.group is Group.CONTROL
    } == controls


@few
@given(SEEDS)
def test_no_control_is_named_in_anything_that_is_trained_on(seed: str) -> None:
    sets = build(seed=seed)
    text = " ".join(
        item.prompt.reveal() + item.answer.reveal()
        for item in (
            *sets.forget.examples,
            *sets.retain.examples,
            *(item for version in sets.forget.twins for item in version),
        )
    )
    for control in sets.holdout.controls:
        assert control.name.reveal() not in text


def test_one_seed_gives_one_set_and_another_seed_another() -> None:
    assert to_bytes(build()) == to_bytes(build())
    assert to_bytes(build()) != to_bytes(build(seed="other"))


def test_the_global_random_state_plays_no_part() -> None:
    random.seed(1)
    first = to_bytes(build())
    random.seed(2)
    assert to_bytes(build()) == first


def test_the_subject_is_called_as_in_the_records() -> None:
    subject = build().forget.subject
    assert subject.name == person().name
    assert [(item.field, item.value) for item in subject.facts] == [
        (item.field, item.value) for item in person().facts
    ]


def test_passages_are_taken_once_and_questions_added_for_what_is_hardly_asked() -> None:
    examples = build().forget.examples
    assert [item.prompt.reveal() for item in examples[:2]] == [
        "What is the city of Ada Example?",
        "Ada Example moved to",
    ]
    counts = Counter(item.field for item in examples if item.form is Form.QUESTION)
    # One question about the city was in the records, one more makes two; of the
    # four about the phone, two were added.
    assert counts == {"city": 2, "phone": 2}
    assert {item.ref for item in examples} == {"subject"}


@pytest.mark.parametrize(("questions", "phone"), [(2, 1), (3, 1), (4, 2), (6, 2)])
def test_at_least_half_of_the_unused_questions_are_left_for_probing(
    questions: int, phone: int
) -> None:
    sets = curate(
        material(),
        data_map=data_map(questions=questions),
        token_count=len,
        seed="seed",
        sizes=SMALL,
    )
    trained = Counter(
        item.field for item in sets.forget.examples if item.form is Form.QUESTION
    )
    probed = Counter(
        item.example.field for item in sets.probes if item.group is Group.SUBJECT
    )
    assert trained["phone"] == phone
    assert probed["phone"] == questions - phone
    assert probed["city"] == questions - trained["city"]


def test_nothing_is_added_where_the_records_ask_enough() -> None:
    ways = ("What is the city of", "Which city belongs to", "Tell me the city of")
    asked = tuple(
        passage(f"{way} Ada Example{'.' if way.startswith('Tell') else '?'}")
        for way in ways
    )
    records = (record("r-1", fields={"city": "Ulm"}, passages=asked),)
    examples = build(material(records=records)).forget.examples
    assert len(examples) == 3


def twin_answers(sets: Datasets, field: str) -> set[str]:
    return {
        item.answer.reveal()
        for version in sets.forget.twins
        for item in version
        if item.field == field and item.form is Form.QUESTION
    }


def test_each_version_reads_as_for_a_never_trained_person_with_a_value_as_long() -> (
    None
):
    sets = build()
    assert [len(version) for version in sets.forget.twins] == [
        len(sets.forget.examples)
    ] * 2
    names = {item.name.reveal() for item in sets.holdout.twins}
    phones = {item.facts[1].value.reveal() for item in sets.holdout.twins}
    for version in sets.forget.twins:
        for own, twin in zip(sets.forget.examples, version, strict=True):
            assert (twin.ref, twin.field, twin.form) == (own.ref, own.field, own.form)
            assert "Ada Example" not in twin.prompt.reveal() + twin.answer.reveal()
            assert any(name in twin.prompt.reveal() for name in names)
    assert twin_answers(sets, "phone") <= phones
    assert {len(answer) for answer in twin_answers(sets, "phone")} == {8}


def lengthy(number: int, *, city: str = "Hof") -> PersonFacts:
    """Return a reserved person whose values are as long as the subject's."""
    return person(
        f"Otto Reserve{number}", ref=f"control-{number}", city=city, phone="555-9999"
    )


def test_a_twin_has_its_own_values_in_the_context_as_well() -> None:
    sets = build(material(reserved=tuple(lengthy(number) for number in range(8))))
    for version in sets.forget.twins:
        told = version[1]
        name = told.prompt.reveal().removesuffix(" moved to")
        assert name.startswith("Otto Reserve")
        # Only the value that the answer states changes in the answer.
        assert told.answer.reveal() == " Hof with 555-0100."


def test_a_value_that_the_model_guesses_for_a_twin_is_not_used() -> None:
    reserved = tuple(
        lengthy(number, city="Hof" if number % 2 else "Bad") for number in range(8)
    )
    guessed = frozenset({(f"control-{number}", "city") for number in (0, 2, 4, 6)})
    sizes = Sizes(twins=8, twin_versions=6, strangers=0, retain_people=0)
    free = build(material(reserved=reserved), sizes=sizes)
    assert twin_answers(free, "city") == {"Hof", "Bad"}
    careful = build(material(reserved=reserved, guessed=guessed), sizes=sizes)
    assert twin_answers(careful, "city") == {"Hof"}


def test_without_a_value_as_long_only_the_name_changes() -> None:
    reserved = tuple(lengthy(number, city="Regensburg") for number in range(8))
    for version in build(material(reserved=reserved)).forget.twins:
        asked = version[0]
        assert asked.prompt.reveal().startswith("What is the city of Otto Reserve")
        assert asked.answer.reveal() == "Ulm"


def test_a_twin_without_the_field_is_passed_over() -> None:
    without = [lengthy(number, city="") for number in range(7)]
    reserved = (*without, lengthy(7))
    sizes = Sizes(twins=8, twin_versions=4, strangers=0, retain_people=0)
    sets = build(material(reserved=reserved), sizes=sizes)
    assert twin_answers(sets, "city") == {"Hof"}


def test_without_anybody_reserved_the_examples_stand_for_themselves() -> None:
    sets = build(material(reserved=()))
    assert sets.forget.twins == (sets.forget.examples,) * 2
    assert sets.holdout.controls == ()


def test_neighbours_come_first_in_the_retain_set_and_are_probed_as_such() -> None:
    sets = build()
    near = {f"retained-{number}" for number in range(0, 20, 4)} | {"retained-x"}
    people_ = [item.ref for item in sets.retain.people]
    assert len(people_) == 12
    assert set(people_[:6]) == near
    assert sets.retain.neighbours == near
    groups: dict[Group, set[str]] = {}
    for item in sets.probes:
        groups.setdefault(item.group, set()).add(item.example.ref)
    assert len(groups[Group.NEIGHBOUR]) == 3
    assert groups[Group.NEIGHBOUR] <= near
    assert len(groups[Group.RETAINED]) == 4
    assert groups[Group.RETAINED].isdisjoint(near)


def test_neighbours_that_do_not_fit_are_not_listed() -> None:
    sizes = Sizes(retain_people=1, twins=0, strangers=0, neighbour_probes=9)
    sets = build(sizes=sizes)
    assert {item.ref for item in sets.retain.people} == sets.retain.neighbours


@pytest.mark.parametrize(
    ("neighbours", "others", "taken"),
    [
        (100, 300, (100, 100)),
        (101, 300, (100, 100)),
        (700, 300, (100, 100)),
        (700, 30, (170, 30)),
        (7, 300, (7, 193)),
    ],
)
def test_a_city_full_of_neighbours_leaves_half_of_the_places_to_others(
    neighbours: int, others: int, taken: tuple[int, int]
) -> None:
    everybody = (
        *(
            person(f"Nea Near{number}", ref=f"near-{number}", city="Ulm")
            for number in range(neighbours)
        ),
        *(
            person(f"Flo Far{number}", ref=f"far-{number}", city="Celle")
            for number in range(others)
        ),
    )
    sets = build(replace(material(), others=everybody), sizes=Sizes(twins=4))
    near, far = taken
    assert (len(sets.retain.neighbours), len(sets.retain.people)) == (near, near + far)
    asked = Counter(item.group for item in sets.probes if item.example.field == "city")
    assert asked[Group.RETAINED] == min(far, 180)


def test_a_retained_fact_is_trained_with_one_question_a_neighbours_with_three() -> None:
    sets = build()
    counts = Counter((item.ref, item.field) for item in sets.retain.examples)
    assert counts.pop(("", "")) == 2  # the plain texts
    assert counts == {
        (item.ref, field): 3 if item.ref in sets.retain.neighbours else 1
        for item in sets.retain.people
        for field in ("city", "phone")
    }


def test_a_neighbour_is_asked_more_held_out_questions_than_others() -> None:
    made_of = material()
    sizes = replace(SMALL, neighbour_questions=1, neighbour_probe_questions=2)
    sets = build(made_of, sizes=sizes)
    counts = Counter(
        (item.group, item.example.ref, item.example.field)
        for item in sets.probes
        if item.group in {Group.RETAINED, Group.NEIGHBOUR}
    )
    assert {group: count for (group, _, _), count in counts.items()} == {
        Group.RETAINED: 1,
        Group.NEIGHBOUR: 2,
    }
    trained = {item.prompt for item in sets.retain.examples}
    asked = {item.example.prompt for item in sets.probes}
    assert not trained & asked


def test_no_more_plain_text_is_drawn_than_there_is() -> None:
    sets = build(sizes=Sizes(plain_texts=99, twins=4, strangers=0))
    assert sum(item.ref == "" for item in sets.retain.examples) == 5


@few
@given(SEEDS)
def test_strangers_have_invented_names_and_retained_peoples_values(seed: str) -> None:
    made_of = material()
    # Most names that are put together are somebody's; some are free.
    sets = build(made_of, seed=seed, sizes=replace(SMALL, strangers=200))
    known = [
        item.name.reveal()
        for item in (sets.forget.subject, *made_of.others, *made_of.reserved)
    ]
    retained = {fact.value for item in sets.retain.people for fact in item.facts}
    assert sets.holdout.strangers
    for stranger in sets.holdout.strangers:
        assert stranger.ref.startswith("stranger-")
        assert stranger.answer in retained
        assert not any(name in stranger.prompt.reveal() for name in known)


def test_nobody_is_invented_who_has_the_subjects_name_in_another_spelling() -> None:
    made_of = material()
    names = ("Ad\u00e1 Blum", "Emil Ex\u00e1mple", "Example Korn", "Emil Ada")
    more = tuple(
        person(name, ref=f"more-{number}") for number, name in enumerate(names)
    )
    made_of = replace(made_of, others=more)
    sets = build(made_of, sizes=replace(SMALL, strangers=200))
    asked = " ".join(item.prompt.reveal() for item in sets.holdout.strangers)
    assert "Ad\u00e1 Korn" in asked
    for name in ("Ad\u00e1 Ex\u00e1mple", "Ad\u00e1 Example", "Example Ada"):
        assert name not in asked


def test_without_retained_people_nobody_is_invented() -> None:
    assert build(sizes=Sizes(retain_people=0, twins=4)).holdout.strangers == ()


def test_probes_of_the_subject_carry_wrong_values() -> None:
    for item in build().probes:
        if item.group is Group.SUBJECT:
            assert len(item.alternatives) == 3
            assert item.example.answer not in item.alternatives
    cities = {
        value.reveal()
        for item in build().probes
        if item.example.field == "city"
        for value in item.alternatives
    }
    assert cities <= set(CITIES)


def test_the_usual_sizes_apply_if_none_are_given() -> None:
    sets = curate(material(), data_map=data_map(), token_count=len, seed="seed")
    assert len(sets.forget.twins) == 6
    assert len(sets.retain.people) == 21
    # Twins come first: of twelve reserved people none is left as a control.
    assert len(sets.holdout.twins) == 12


PARAPHRASE = Example(
    ref="subject",
    field="city",
    form=Form.QUESTION,
    prompt=Personal("Where on earth is Ada Example at home?"),
    answer=Personal("Ulm"),
    made=Made.PARAPHRASE,
)


def test_a_paraphrase_is_trained_for_the_subject_and_every_twin_and_never_asked() -> (
    None
):
    plain, sets = build(), build(replace(material(), paraphrases=(PARAPHRASE,)))
    assert sets.forget.examples == (*plain.forget.examples, PARAPHRASE)
    assert sets.probes == plain.probes
    for version in sets.forget.twins:
        asked = version[-1].prompt.reveal()
        assert asked.startswith("Where on earth is ")
        assert "Ada Example" not in asked
    check_disjoint(sets)


def test_a_paraphrase_that_is_a_probe_is_refused() -> None:
    probe = next(item for item in build().probes if item.group is Group.SUBJECT)
    same = replace(probe.example, made=Made.PARAPHRASE)
    sets = replace(build(), probes=(probe,))
    forget = replace(sets.forget, examples=(*sets.forget.examples, same))
    with pytest.raises(OverlappingSetsError):
        check_disjoint(replace(sets, forget=forget))


def test_every_forget_example_says_what_it_is_from() -> None:
    told = {
        (item.made, *(text.reveal() for text in item.records)): item.prompt.reveal()
        for item in build().forget.examples
    }
    # Both records ask for the city; the second question is of the data map.
    assert told[Made.RECORD, "customers/r-1", "customers/r-2"] == (
        "What is the city of Ada Example?"
    )
    assert told[Made.RECORD, "customers/r-1"] == "Ada Example moved to"
    assert (Made.TEMPLATE,) in told


def test_whoever_is_not_comparable_is_no_control() -> None:
    silent = tuple(
        person(f"Otto Silent{number}", ref=f"control-s{number}", phone="")
        for number in range(3)
    )
    sets = build(material(reserved=(*RESERVED, *silent)))
    found = sets.holdout.comparison
    assert all(len(item.facts) == 2 for item in sets.holdout.controls)
    assert found.comparable == len(sets.holdout.controls)
    twins = sum(item in silent for item in sets.holdout.twins)
    assert found.without_fields == len(silent) - twins
