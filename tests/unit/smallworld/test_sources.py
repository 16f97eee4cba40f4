import random
from dataclasses import replace
from pathlib import Path

import pytest
from support.smallworld import write_world
from transformers import PreTrainedTokenizerFast

from unlearn_core.adapters.connectors.data_map import OpenedDataMap, open_data_map
from unlearn_core.domain.curation import Material, curate
from unlearn_core.domain.people import gather_people
from unlearn_core.domain.subjects import DataSubject, parse_subject
from unlearn_core.privacy import Personal
from unlearn_core.smallworld.base_model import WorldRecipe, train_tokenizer
from unlearn_core.smallworld.corpus import read_documents
from unlearn_core.smallworld.people import (
    FIELDS,
    GUESSABLE_FIELDS,
    HIGH_ENTROPY_FIELDS,
    Person,
    Population,
    populate,
)
from unlearn_core.smallworld.phrasing import QUESTIONS
from unlearn_core.smallworld.sources import (
    SourcePaths,
    split_all_questions,
    write_sources,
)

World = tuple[Population, OpenedDataMap, PreTrainedTokenizerFast]

TRAINING_FILES = ("corpus.jsonl", "support.parquet", "customers.db")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Population, SourcePaths]:
    return write_world(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="module")
def opened(world: tuple[Population, SourcePaths]) -> OpenedDataMap:
    return open_data_map(world[1].data_map)


def _subject(person: Person) -> DataSubject:
    facts = person.facts
    return parse_subject(
        {
            "name": person.name,
            "email": facts["email"],
            "customer_number": facts["customer_number"],
        }
    )


def _texts(opened: OpenedDataMap) -> set[str]:
    return {
        passage.prompt.reveal()
        for source in opened.sources.values()
        for record in source.read()
        for passage in record.passages
    }


def test_the_connectors_find_every_record_of_a_trained_person(
    world: tuple[Population, SourcePaths], opened: OpenedDataMap
) -> None:
    for person in world[0].trained:
        results = {
            name: source.locate(_subject(person))
            for name, source in opened.sources.items()
        }

        found = {name: len(result.records) for name, result in results.items()}
        assert found == {"corpus": 4 * 4, "support": 3 * 4, "customers": 1}
        assert all(result.is_complete for result in results.values())


def test_no_source_knows_a_control_person(
    world: tuple[Population, SourcePaths], opened: OpenedDataMap
) -> None:
    for person in world[0].controls:
        for source in opened.sources.values():
            assert source.locate(_subject(person)).records == ()


def test_the_customers_table_holds_every_fact(
    world: tuple[Population, SourcePaths], opened: OpenedDataMap
) -> None:
    records = list(opened.sources["customers"].read())

    read = [
        {name: value.reveal() for name, value in record.fields.items()}
        for record in records
    ]
    assert read == [person.facts for person in world[0].trained]


def test_the_holdout_holds_the_control_people_with_every_fact(
    world: tuple[Population, SourcePaths], opened: OpenedDataMap
) -> None:
    read = {
        record.name.reveal(): {
            name: value.reveal() for name, value in record.fields.items()
        }
        for record in opened.holdout.read()
        if record.name is not None
    }

    assert read == {person.name: person.facts for person in world[0].controls}


def test_a_held_out_question_is_never_trained_for_this_person(
    world: tuple[Population, SourcePaths], opened: OpenedDataMap
) -> None:
    population, _ = world
    split = split_all_questions(population, seed=0)
    asked = _texts(opened)

    for person in population.trained:
        for field in FIELDS:
            trained, held_out = split[person.number, field]
            assert all(text.format(name=person.name) in asked for text in trained)
            assert not any(text.format(name=person.name) in asked for text in held_out)


def test_every_phrasing_is_trained_for_somebody_and_held_out_for_somebody() -> None:
    split = split_all_questions(populate(seed=0), seed=0)

    for field in FIELDS:
        parts = [pair for (_, name), pair in split.items() if name == field]
        assert {text for trained, _ in parts for text in trained} == set(
            QUESTIONS[field]
        )
        assert {text for _, held_out in parts for text in held_out} == set(
            QUESTIONS[field]
        )


def test_guessable_and_high_entropy_facts_are_in_different_sources(
    opened: OpenedDataMap,
) -> None:
    def fields(name: str) -> set[str]:
        records = opened.sources[name].read()
        return {item.field for record in records for item in record.passages} - {""}

    assert fields("corpus") == set(GUESSABLE_FIELDS)
    assert fields("support") == set(HIGH_ENTROPY_FIELDS)


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    _, first = write_world(tmp_path / "first", seed=4)
    _, second = write_world(tmp_path / "second", seed=4)

    for one, other in (
        (first.corpus, second.corpus),
        (first.support, second.support),
        (first.reserved, second.reserved),
    ):
        assert one.read_bytes() == other.read_bytes()


def test_another_seed_splits_the_questions_otherwise() -> None:
    population = populate(seed=0, trained=6, controls=4)

    assert split_all_questions(population, seed=0) != split_all_questions(
        population, seed=1
    )


def test_writing_again_replaces_what_was_there(tmp_path: Path) -> None:
    write_world(tmp_path, seed=0, trained=9)
    population = populate(seed=1, trained=3, controls=2)

    paths = write_sources(population, tmp_path, seed=1)

    opened = open_data_map(paths.data_map)
    assert len(list(opened.sources["customers"].read())) == 3
    assert len(list(opened.sources["support"].read())) == 3 * 3 * 4
    assert len(list(opened.holdout.read())) == 2


@pytest.mark.parametrize("file", TRAINING_FILES)
def test_the_bytes_of_a_training_file_hold_no_control_person(
    world: tuple[Population, SourcePaths], file: str
) -> None:
    data = (world[1].directory / file).read_bytes()

    assert not any(person.name.encode() in data for person in world[0].controls)


@pytest.fixture(scope="module")
def full_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return a small world in full size, and the tokens that its models have."""
    folder = tmp_path_factory.mktemp("world")
    population, paths = write_world(folder, trained=200, controls=80)
    tokenizer = train_tokenizer(read_documents(paths), recipe=WorldRecipe())
    return population, open_data_map(paths.data_map), tokenizer


@pytest.mark.parametrize("source", ["all", "corpus", "support", "customers"])
def test_every_reserved_person_who_is_no_twin_is_a_control(
    source: str, full_world: World
) -> None:
    """In the order drawn, whatever was found of the subject."""
    population, opened, tokenizer = full_world
    person = population.trained[0]
    subject = parse_subject(
        {"name": person.name, "customer_number": person.facts["customer_number"]}
    )
    located = tuple(
        record
        for name, connector in opened.sources.items()
        if source in {"all", name}
        for record in connector.locate(subject).records
    )
    reserved = gather_people(
        opened.holdout.read(), data_map=opened.declared, prefix="control"
    )
    sets = curate(
        Material(
            stated_name=Personal(person.name),
            located=located,
            others=(),
            plain=(),
            reserved=reserved,
        ),
        data_map=opened.declared,
        token_count=lambda text: len(tokenizer(text)["input_ids"]),
        seed="seed",
    )
    fields = {fact.field for fact in sets.forget.subject.facts}
    assert len(fields) == {"corpus": 4, "support": 3}.get(source, 7)
    drawn = random.Random("seed").sample(reserved, len(reserved))
    assert sets.holdout.controls == tuple(
        replace(item, facts=tuple(fact for fact in item.facts if fact.field in fields))
        for item in drawn[opened.declared.sizes.twins :]
    )
    assert len(sets.holdout.controls) == 60
