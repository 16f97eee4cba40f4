"""From records to forget, retain and holdout sets and probes: the rules.

- The subject's *trained* questions are those that occur in the located records. Of
  the other questions about a fact, some may be added for training; the rest are
  probes, so a probe was never trained on for this person, neither by the base nor by
  the offset.
- A twin is a never-trained person whose value has the same number of tokens; twins
  never serve as controls. A twin's fact that the model happens to guess is not used:
  it would make the model state the subject's.
- Strangers are invented names with other people's values: what the model says about
  them must not change.
- Whoever shares the subject's name, in any spelling, is in no other set: a model
  tells people apart by their names.
- Every random choice comes from one seed.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from unlearn_core.domain.comparable import TokenCount, compare
from unlearn_core.domain.data_map import DataMap, Sizes
from unlearn_core.domain.datasets import (
    Datasets,
    Example,
    Fact,
    ForgetSet,
    Form,
    Group,
    HoldoutSet,
    Made,
    PersonFacts,
    Probe,
    RetainSet,
    folded_name,
)
from unlearn_core.domain.people import (
    are_neighbours,
    gather_subject,
    questions_about,
)
from unlearn_core.domain.probing import (
    control_probes,
    subject_probes,
    with_alternatives,
)
from unlearn_core.domain.sources import Passage, SourceRecord
from unlearn_core.privacy import Personal

SUBJECT_REF = "subject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the sets are made from.

    Attributes:
        stated_name: The subject's name as submitted.
        located: The subject's records.
        others: Everybody else in the sources.
        plain: Texts about nobody.
        reserved: People who were never trained on.
        guessed: Their (ref, field) pairs that the model guesses right.
        paraphrases: Questions about the subject in words that nobody else has for it.
    """

    stated_name: Personal[str]
    located: tuple[SourceRecord, ...]
    others: tuple[PersonFacts, ...]
    plain: tuple[Passage, ...]
    reserved: tuple[PersonFacts, ...]
    guessed: frozenset[tuple[str, str]] = frozenset()
    paraphrases: tuple[Example, ...] = ()


def curate(
    material: Material,
    *,
    data_map: DataMap,
    token_count: TokenCount,
    seed: str,
    sizes: Sizes | None = None,
) -> Datasets:
    """Build all sets for one request.

    Args:
        material: Records and people.
        data_map: Fields and neighbours.
        token_count: Number of tokens of a text.
        seed: Seed of every random choice.
        sizes: How much of everything is drawn, if not what the data map says.
    """
    curator = _Curator(
        data_map=data_map,
        token_count=token_count,
        rng=random.Random(seed),
        sizes=sizes or data_map.sizes,
    )
    return curator.datasets(material)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Curator:
    data_map: DataMap
    token_count: TokenCount
    rng: random.Random
    sizes: Sizes

    def datasets(self, material: Material) -> Datasets:
        """Build all sets."""
        subject = gather_subject(
            material.located,
            stated_name=material.stated_name,
            data_map=self.data_map,
            ref=SUBJECT_REF,
        )
        material = _without_namesakes(material, subject)
        reserved = self._mixed(material.reserved)
        twins, others = reserved[: self.sizes.twins], reserved[self.sizes.twins :]
        compared = compare(subject, others, token_count=self.token_count)
        controls = compared.people
        examples = self._forget_examples(subject, material)
        retain, retain_probes = self._retain(subject, material)
        probes = (
            *subject_probes(subject, examples, data_map=self.data_map),
            *retain_probes,
            *control_probes(
                controls,
                data_map=self.data_map,
                questions=self.sizes.control_questions,
                rng=self.rng,
            ),
        )
        known = (subject, *material.others, *reserved)
        return Datasets(
            forget=ForgetSet(
                subject=subject,
                examples=examples,
                twins=tuple(
                    self._twin_examples(subject, examples, twins, material.guessed)
                    for _ in range(self.sizes.twin_versions)
                ),
            ),
            retain=retain,
            holdout=HoldoutSet(
                controls=controls,
                twins=twins,
                strangers=self._strangers(known, retain.people),
                comparison=compared.comparison,
            ),
            probes=with_alternatives(
                probes,
                (*retain.people, *controls),
                count=self.sizes.alternatives,
                rng=self.rng,
            ),
        )

    def _mixed(self, people: Sequence[PersonFacts]) -> tuple[PersonFacts, ...]:
        return tuple(self.rng.sample(list(people), len(people)))

    def _forget_examples(
        self, subject: PersonFacts, material: Material
    ) -> tuple[Example, ...]:
        """Take what the model was trained on, and ask where it was hardly asked."""
        examples = _stated(material.located)
        asked = {item.prompt for item in examples if item.form is Form.QUESTION}
        for fact in subject.facts:
            questions = questions_about(subject, fact, data_map=self.data_map)
            unused = [item for item in questions if item.prompt not in asked]
            missing = self.sizes.trained_questions - (len(questions) - len(unused))
            examples += self.rng.sample(unused, max(0, min(missing, len(unused) // 2)))
        return (*dict.fromkeys(examples), *material.paraphrases)

    def _twin_examples(
        self,
        subject: PersonFacts,
        examples: Sequence[Example],
        twins: Sequence[PersonFacts],
        guessed: frozenset[tuple[str, str]],
    ) -> tuple[Example, ...]:
        """Rewrite each example for a twin, the same one as far as possible."""
        order = self._mixed(twins)
        if not order:
            return tuple(examples)
        chosen = {
            fact.field: twin
            for fact in subject.facts
            if (twin := self._twin_for(fact, order, guessed)) is not None
        }
        return tuple(
            as_twin(item, subject, chosen[item.field])
            if item.field in chosen
            else _renamed(item, subject, order[0])
            for item in examples
        )

    def _twin_for(
        self,
        fact: Fact,
        order: Sequence[PersonFacts],
        guessed: frozenset[tuple[str, str]],
    ) -> PersonFacts | None:
        wanted = self.token_count(fact.value.reveal())
        for twin in order:
            value = twin.value_of(fact.field)
            if value is None or (twin.ref, fact.field) in guessed:
                continue
            if self.token_count(value.reveal()) == wanted:
                return twin
        return None

    def _retain(
        self, subject: PersonFacts, material: Material
    ) -> tuple[RetainSet, tuple[Probe, ...]]:
        """Take neighbours first, with more questions; probe with another one."""
        near: list[PersonFacts] = []
        far: list[PersonFacts] = []
        rule = self.data_map.neighbours
        for person in self._mixed(material.others):
            is_near = are_neighbours(subject, person, rule=rule)
            (near if is_near else far).append(person)
        people = self._who_stays(near, far)
        group_of = {
            item.ref: Group.RETAINED for item in far[: self.sizes.retained_probes]
        }
        group_of |= {
            item.ref: Group.NEIGHBOUR for item in near[: self.sizes.neighbour_probes]
        }
        neighbours = frozenset(item.ref for item in near) & {
            item.ref for item in people
        }
        wanted = {False: 1, True: self.sizes.neighbour_questions}
        more_probes = {False: 0, True: self.sizes.neighbour_probe_questions - 1}
        examples: list[Example] = []
        probes: list[Probe] = []
        for person in people:
            for fact in person.facts:
                asked = questions_about(person, fact, data_map=self.data_map)
                probe, *others = self.rng.sample(asked, len(asked))
                trained = wanted[person.ref in neighbours]
                examples += others[:trained]
                if group := group_of.get(person.ref):
                    more = more_probes[group is Group.NEIGHBOUR]
                    probes += [
                        Probe(group=group, entropy=fact.entropy, example=item)
                        for item in (probe, *others[trained:][:more])
                    ]
        count = min(self.sizes.plain_texts, len(material.plain))
        plain = self.rng.sample(list(material.plain), count)
        return (
            RetainSet(
                people=people,
                neighbours=neighbours,
                examples=(*examples, *(_example("", passage) for passage in plain)),
            ),
            tuple(probes),
        )

    def _who_stays(
        self, near: Sequence[PersonFacts], far: Sequence[PersonFacts]
    ) -> tuple[PersonFacts, ...]:
        """Take neighbours first, but leave half of the places to whoever is none.

        A bound on what those lose needs enough of them, however many neighbours a
        city has.
        """
        places = self.sizes.retain_people
        first = near[: places - min(len(far), places // 2)]
        return (*first, *far)[:places]

    def _strangers(
        self, known: Sequence[PersonFacts], retained: Sequence[PersonFacts]
    ) -> tuple[Example, ...]:
        """Invent people from parts of known names, with retained people's values."""
        names = {person.name.reveal() for person in known}
        firsts = sorted({name.partition(" ")[0] for name in names})
        lasts = sorted({name.rpartition(" ")[2] for name in names})
        taken = {folded_name(person.name) for person in known}
        examples: list[Example] = []
        for number in range(self.sizes.strangers if retained else 0):
            name = Personal(f"{self.rng.choice(firsts)} {self.rng.choice(lasts)}")
            if folded_name(name) in taken:
                continue
            model = self.rng.choice(retained)
            stranger = PersonFacts(
                ref=f"stranger-{number}", name=name, facts=model.facts
            )
            for fact in stranger.facts:
                asked = questions_about(stranger, fact, data_map=self.data_map)
                examples.append(_renamed(self.rng.choice(asked), model, stranger))
        return tuple(examples)


def _stated(located: Sequence[SourceRecord]) -> list[Example]:
    """Return what the records state, each once and with all records that state it."""
    records: dict[Example, list[Personal[str]]] = {}
    for record in located:
        for passage in record.passages:
            stated = records.setdefault(_example(SUBJECT_REF, passage), [])
            stated.append(Personal(f"{record.source}/{record.record_id}"))
    return [
        replace(example, records=tuple(dict.fromkeys(found)))
        for example, found in records.items()
    ]


def _without_namesakes(material: Material, subject: PersonFacts) -> Material:
    """Leave out whoever shares the subject's name."""
    own = folded_name(subject.name)

    def others(people: Sequence[PersonFacts]) -> tuple[PersonFacts, ...]:
        return tuple(item for item in people if folded_name(item.name) != own)

    return replace(
        material, others=others(material.others), reserved=others(material.reserved)
    )


def _example(ref: str, passage: Passage) -> Example:
    return Example(
        ref=ref,
        field=passage.field,
        form=passage.form,
        prompt=passage.prompt,
        answer=passage.answer,
        made=Made.RECORD,
    )


def _renamed(example: Example, subject: PersonFacts, other: PersonFacts) -> Example:
    """Return an example with another person's name."""
    own, new = subject.name.reveal(), other.name.reveal()
    return Example(
        ref=example.ref,
        field=example.field,
        form=example.form,
        prompt=Personal(example.prompt.reveal().replace(own, new)),
        answer=Personal(example.answer.reveal().replace(own, new)),
    )


def as_twin(example: Example, subject: PersonFacts, twin: PersonFacts) -> Example:
    """Return an example as it reads for a twin: name, context and answer."""
    renamed = _renamed(example, subject, twin)
    prompt, answer = renamed.prompt.reveal(), renamed.answer.reveal()
    for fact in subject.facts:
        other = twin.value_of(fact.field)
        if other is None:
            continue
        prompt = prompt.replace(fact.value.reveal(), other.reveal())
        if fact.field == example.field:
            answer = answer.replace(fact.value.reveal(), other.reveal())
    return Example(
        ref=example.ref,
        field=example.field,
        form=example.form,
        prompt=Personal(prompt),
        answer=Personal(answer),
    )
