"""Putting people together from records, and who is whose neighbour."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from unlearn_core.domain.data_map import DataMap, NeighbourRule
from unlearn_core.domain.datasets import Example, Fact, Form, PersonFacts
from unlearn_core.domain.sources import Passage, SourceRecord
from unlearn_core.privacy import Personal

NAME = "{name}"


@dataclass(slots=True)
class _Known:
    """What the records say about one person so far."""

    values: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    questions: dict[str, list[str]] = field(default_factory=dict)

    def add(self, record: SourceRecord) -> None:
        """Take over what a record states; the first value of a field stays."""
        for name, value in record.fields.items():
            self.values.setdefault(name, value.reveal())
        for passage in record.passages:
            if passage.field and passage.form is Form.QUESTION:
                self.answers.setdefault(passage.field, passage.answer.reveal())
                self.questions.setdefault(passage.field, []).extend(
                    text.reveal() for text in (passage.prompt, *passage.paraphrases)
                )

    def facts(self, name: str, data_map: DataMap) -> tuple[Fact, ...]:
        """Return the declared fields; a record's own field outranks an answer."""
        values = self.answers | self.values
        return tuple(
            Fact(
                field=field_name,
                entropy=spec.entropy,
                value=Personal(values[field_name]),
                questions=tuple(
                    Personal(text.replace(name, NAME) if name else text)
                    for text in self.questions.get(field_name, ())
                ),
            )
            for field_name, spec in data_map.fields.items()
            if field_name in values
        )


def gather_people(
    records: Iterable[SourceRecord], *, data_map: DataMap, prefix: str
) -> tuple[PersonFacts, ...]:
    """Merge records that state a name into people, in order of appearance."""
    known_by_name: dict[str, _Known] = {}
    for record in records:
        if record.name is not None:
            known_by_name.setdefault(record.name.reveal(), _Known()).add(record)
    found = (
        (name, facts)
        for name, known in known_by_name.items()
        if (facts := known.facts(name, data_map))
    )
    return tuple(
        PersonFacts(ref=f"{prefix}-{number}", name=Personal(name), facts=facts)
        for number, (name, facts) in enumerate(found)
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
    known = _Known()
    for record in records:
        name = name or (record.name.reveal() if record.name else "")
        known.add(record)
    name = name or stated_name.reveal()
    return PersonFacts(ref=ref, name=Personal(name), facts=known.facts(name, data_map))


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
    """Return every question about a fact, asked about a person.

    Those of the data map come first, then those that only the sources have.
    """
    name = person.name.reveal()
    asked = (
        *(item.format(name=name) for item in data_map.fields[fact.field].questions),
        *(item.reveal().replace(NAME, name) for item in fact.questions),
    )
    return [
        Example(
            ref=person.ref,
            field=fact.field,
            form=Form.QUESTION,
            prompt=Personal(question),
            answer=fact.value,
        )
        for question in dict.fromkeys(asked)
    ]
