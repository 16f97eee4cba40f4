"""Which questions verification asks, and with which wrong answers beside."""

import random
from collections.abc import Sequence

from unlearn_core.domain.data_map import DataMap
from unlearn_core.domain.datasets import Example, Group, PersonFacts, Probe
from unlearn_core.domain.people import questions_about
from unlearn_core.privacy import Personal


def subject_probes(
    subject: PersonFacts, trained: Sequence[Example], *, data_map: DataMap
) -> tuple[Probe, ...]:
    """Ask every question about the subject that was never trained on.

    Trained ones are asked too where the data map says so.
    """
    used = set() if data_map.ask_trained else {example.prompt for example in trained}
    return tuple(
        Probe(group=Group.SUBJECT, entropy=fact.entropy, example=question)
        for fact in subject.facts
        for question in questions_about(subject, fact, data_map=data_map)
        if question.prompt not in used
    )


def control_probes(
    controls: Sequence[PersonFacts],
    *,
    data_map: DataMap,
    questions: int,
    rng: random.Random,
) -> tuple[Probe, ...]:
    """Ask some questions about every fact of every control person."""
    probes: list[Probe] = []
    for person in controls:
        for fact in person.facts:
            asked = questions_about(person, fact, data_map=data_map)
            probes += [
                Probe(group=Group.CONTROL, entropy=fact.entropy, example=question)
                for question in rng.sample(asked, min(questions, len(asked)))
            ]
    return tuple(probes)


def with_alternatives(
    probes: Sequence[Probe],
    people: Sequence[PersonFacts],
    *,
    count: int,
    rng: random.Random,
) -> tuple[Probe, ...]:
    """Add wrong values to the subject's probes and to one per control fact."""
    pools = _values_by_field(people)
    seen: set[tuple[str, str]] = set()
    finished: list[Probe] = []
    for probe in probes:
        key = (probe.example.ref, probe.example.field)
        is_first = key not in seen
        seen.add(key)
        wrong = [
            value
            for value in pools.get(probe.example.field, ())
            if value != probe.example.answer
        ]
        is_wanted = probe.group is Group.SUBJECT or (
            probe.group is Group.CONTROL and is_first
        )
        drawn = rng.sample(wrong, min(count, len(wrong))) if is_wanted else []
        finished.append(
            Probe(
                group=probe.group,
                entropy=probe.entropy,
                example=probe.example,
                alternatives=tuple(drawn),
            )
        )
    return tuple(finished)


def _values_by_field(
    people: Sequence[PersonFacts],
) -> dict[str, list[Personal[str]]]:
    values: dict[str, set[Personal[str]]] = {}
    for person in people:
        for fact in person.facts:
            values.setdefault(fact.field, set()).add(fact.value)
    return {
        name: sorted(pool, key=lambda value: value.reveal())
        for name, pool in values.items()
    }
