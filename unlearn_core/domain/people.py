"""Putting people together from records, and who is whose neighbour."""

from collections.abc import Iterable, Mapping

from unlearn_core.domain.data_map import DataMap, NeighbourRule
from unlearn_core.domain.datasets import Example, Fact, Form, PersonFacts
from unlearn_core.domain.sources import Passage, SourceRecord
from unlearn_core.privacy import Personal


def gather_people(
    records: Iterable[SourceRecord], *, data_map: DataMap, prefix: str
) -> tuple[PersonFacts, ...]:
    """Merge records with a name and fields into people, in order of appearance."""
    values_by_name: dict[str, dict[str, str]] = {}
    for record in records:
        if record.name is None or not record.fields:
            continue
        values = values_by_name.setdefault(record.name.reveal(), {})
        _merge(values, record)
    return tuple(
        PersonFacts(
            ref=f"{prefix}-{number}",
            name=Personal(name),
            facts=_facts(values, data_map),
        )
        for number, (name, values) in enumerate(values_by_name.items())
    )


def plain_passages(records: Iterable[SourceRecord]) -> tuple[Passage, ...]:
    """Return the texts about nobody."""
    return tuple(
        passage
        for record in records
        for passage in record.passages
        if not passage.field and record.name is None
    )


def gather_subject(
    records: Iterable[SourceRecord],
    *,
    stated_name: Personal[str],
    data_map: DataMap,
    ref: str,
) -> PersonFacts:
    """Merge all records of one person, whether or not each states the name.

    The name is taken as the records spell it, because that is what a model saw; the
    requester's spelling serves if no record has one.
    """
    name = ""
    values: dict[str, str] = {}
    for record in records:
        name = name or (record.name.reveal() if record.name else "")
        _merge(values, record)
    return PersonFacts(
        ref=ref,
        name=Personal(name) if name else stated_name,
        facts=_facts(values, data_map),
    )


def are_neighbours(
    first: PersonFacts, second: PersonFacts, *, rule: NeighbourRule
) -> bool:
    """Tell whether two people share what the rule names."""
    if rule.by_surname and surname(first) == surname(second):
        return True
    return any(
        (value := first.value_of(name)) is not None and value == second.value_of(name)
        for name in rule.by_fields
    )


def surname(person: PersonFacts) -> str:
    """Return the last word of a name."""
    return person.name.reveal().rpartition(" ")[2]


def questions_about(
    person: PersonFacts, fact: Fact, *, data_map: DataMap
) -> list[Example]:
    """Return every declared question about a fact, asked about a person."""
    return [
        Example(
            ref=person.ref,
            field=fact.field,
            form=Form.QUESTION,
            prompt=Personal(question.format(name=person.name.reveal())),
            answer=fact.value,
        )
        for question in data_map.fields[fact.field].questions
    ]


def _merge(values: dict[str, str], record: SourceRecord) -> None:
    for field, value in record.fields.items():
        values.setdefault(field, value.reveal())


def _facts(values: Mapping[str, str], data_map: DataMap) -> tuple[Fact, ...]:
    return tuple(
        Fact(field=name, entropy=spec.entropy, value=Personal(values[name]))
        for name, spec in data_map.fields.items()
        if name in values
    )
