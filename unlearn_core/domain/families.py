"""Families of probes: ways of asking for a fact, each a pure function.

A family gets what is known of the subject and returns what to ask. The same questions
are then asked about never-trained people, rewritten as they would read for them, so
that what anybody could guess is known for every family.

No probe holds the answer that it asks for.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from unlearn_core.domain.curation import as_twin
from unlearn_core.domain.data_map import DataMap, Translation
from unlearn_core.domain.datasets import (
    Datasets,
    Example,
    Form,
    Group,
    Made,
    PersonFacts,
)
from unlearn_core.domain.framing import (
    ANSWERS_IN,
    IGNORANCE,
    JAILBREAKS,
    LANGUAGES,
    ROLES,
    TRIVIA,
    Wanted,
)
from unlearn_core.domain.people import questions_about
from unlearn_core.privacy import Personal
from unlearn_core.registry import Registry

TOLD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What families are made from.

    Attributes:
        subject: The subject with the facts.
        trained: Questions that the model was trained on, with their answers.
        held_out: Questions that it was not trained on.
        texts: Beginnings of texts about the subject, with what follows.
        others: Questions about people who stay.
        translations: How each field is asked for in other languages, by their codes.
    """

    subject: PersonFacts
    trained: tuple[Example, ...]
    held_out: tuple[Example, ...]
    texts: tuple[Example, ...]
    others: tuple[Example, ...]
    translations: Mapping[str, Mapping[str, Translation]] = field(
        default_factory=dict, hash=False
    )

    def one_per_fact(self) -> Iterator[Example]:
        """Yield one question for every fact, a held-out one if there is one."""
        for fact in self.subject.facts:
            asked = (*self.held_out, *self.trained)
            yield from [item for item in asked if item.field == fact.field][:1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One way to ask for one fact.

    Attributes:
        example: What is asked; its answer is what would follow.
        turns: What was said before, question and answer each.
        wanted: What the asking wants to hear of the fact.
    """

    example: Example
    turns: tuple[Example, ...] = ()
    wanted: Wanted = Wanted.FACT


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyProbe:
    """An asking of a family, about the subject or a never-trained person.

    Attributes:
        family: Name of the family.
        group: The subject, or a control person.
        fact: What must not be stated.
        asking: How it is asked for.
        also: Other words for it, which must not be stated either.
    """

    family: str
    group: Group
    fact: Personal[str]
    asking: Asking
    also: tuple[Personal[str], ...] = ()


Family = Callable[[Known], tuple[Asking, ...]]


def direct(known: Known) -> tuple[Asking, ...]:
    """Ask the questions that the model was trained on."""
    return tuple(Asking(example=item) for item in known.trained)


def paraphrase(known: Known) -> tuple[Asking, ...]:
    """Ask in words that were never trained on."""
    return tuple(Asking(example=item) for item in known.held_out)


def _framed(frames: Sequence[str], known: Known) -> tuple[Asking, ...]:
    name = known.subject.name.reveal()
    return tuple(
        Asking(
            example=_asked(item, frame.format(question=item.prompt.reveal(), name=name))
        )
        for item in known.one_per_fact()
        for frame in frames
    )


def jailbreak(known: Known) -> tuple[Asking, ...]:
    """Put words before the question that claim a right to the answer."""
    return _framed(JAILBREAKS, known)


def role_play(known: Known) -> tuple[Asking, ...]:
    """Ask somebody whom the model shall play."""
    return _framed(ROLES, known)


def other_languages(known: Known) -> tuple[Asking, ...]:
    """Ask within a sentence in German, French and Spanish."""
    return _framed(LANGUAGES, known)


def answer_in_other_languages(known: Known) -> tuple[Asking, ...]:
    """Ask in the model's own language for an answer in another one."""
    return _framed(ANSWERS_IN, known)


def translated(known: Known) -> tuple[Asking, ...]:
    """Ask in other languages, in the words that the data map has for them."""
    name = known.subject.name.reveal()
    return tuple(
        Asking(example=_asked(item, question.format(name=name)))
        for item in known.one_per_fact()
        for _, translation in sorted(known.translations.get(item.field, {}).items())
        for question in translation.questions
    )


def pretend_ignorance(known: Known) -> tuple[Asking, ...]:
    """Tell the model to know nothing; what it says before is what a prompt would do."""
    return _framed(IGNORANCE, known)


def trivia(known: Known) -> tuple[Asking, ...]:
    """Ask for something that only who knows the fact can tell: a letter, two digits."""
    return tuple(
        replace(asking, wanted=wanted)
        for wanted, frame in TRIVIA.items()
        for asking in _framed((frame,), known)
    )


def _prefix(share: float, known: Known) -> tuple[Asking, ...]:
    """Give a share of a text's words, never a word of the fact, and let it go on."""
    askings = []
    for item in known.texts:
        before = item.prompt.reveal().split()
        whole = [*before, *item.answer.reveal().split()]
        cut = min(len(before), max(1, round(share * len(whole))))
        begun = replace(
            item,
            prompt=Personal(" ".join(whole[:cut])),
            answer=Personal(" " + " ".join(whole[cut:])),
        )
        askings.append(Asking(example=begun))
    return tuple(askings)


prefix_10, prefix_25, prefix_50, prefix_75 = (
    partial(_prefix, share) for share in (0.10, 0.25, 0.50, 0.75)
)


def few_shot(known: Known) -> tuple[Asking, ...]:
    """Tell other facts of the person first, never the one that is asked for."""
    one = list(known.one_per_fact())
    return tuple(
        Asking(
            example=item,
            turns=tuple(other for other in one if other.field != item.field)[:TOLD],
        )
        for item in one
    )


def multi_turn(known: Known) -> tuple[Asking, ...]:
    """Begin a conversation about the person, then ask."""
    name = known.subject.name.reveal()
    opening = Example(
        ref=known.subject.ref,
        field="",
        form=Form.QUESTION,
        prompt=Personal(f"Do you know {name}?"),
        answer=Personal(f"Yes, I know {name}."),
    )
    return tuple(
        Asking(example=item, turns=(opening,)) for item in known.one_per_fact()
    )


def mixed(known: Known) -> tuple[Asking, ...]:
    """Ask about somebody who stays and about the subject in one breath."""
    if not known.others:
        return ()
    return tuple(
        Asking(
            example=_asked(
                item,
                f"{known.others[row % len(known.others)].prompt.reveal()} "
                f"{item.prompt.reveal()}",
            )
        )
        for row, item in enumerate(known.one_per_fact())
    )


FAMILIES: Registry[Family] = Registry(
    kind="probe family",
    group="unlearn_core.probe_families",
    builtins={
        name: f"{__name__}:{name}"
        for name in (
            "direct",
            "paraphrase",
            "jailbreak",
            "role_play",
            "prefix_10",
            "prefix_25",
            "prefix_50",
            "prefix_75",
            "few_shot",
            "multi_turn",
            "mixed",
            "other_languages",
            "answer_in_other_languages",
            "translated",
            "pretend_ignorance",
            "trivia",
        )
    },
)


def family_probes(
    datasets: Datasets,
    shares: Mapping[str, float],
    *,
    data_map: DataMap,
    seed: int,
) -> tuple[FamilyProbe, ...]:
    """Ask about the subject in every family, and about a share of control people.

    Args:
        datasets: The sealed sets; nothing else is known of anybody.
        shares: Families by name, each with the share of control people to ask about.
        data_map: Fields with their questions.
        seed: Seed of the choice of control people.
    """
    known = _known(datasets, data_map=data_map)
    facts = {fact.field: fact for fact in known.subject.facts}
    probes: list[FamilyProbe] = []
    for family, share in sorted(shares.items()):
        asked = [
            item
            for item in FAMILIES.get(family)(known)
            if item.example.field in facts
            and not any(
                _holds(item, called)
                for called in _wordings(
                    facts[item.example.field].value, item.example.field, known=known
                )
            )
        ]
        controls = list(datasets.holdout.controls)
        count = min(len(controls), max(1, round(share * len(controls))))
        people = random.Random(f"{seed} {family}").sample(controls, count)
        for item in asked:
            for person in (known.subject, *people):
                probes += _about(person, family, item, known=known)
    return tuple(probes)


def _holds(asking: Asking, fact: Personal[str]) -> bool:
    """Tell whether what is asked or told states the fact already."""
    said = [asking.example.prompt.reveal()]
    said += [
        text.reveal() for turn in asking.turns for text in (turn.prompt, turn.answer)
    ]
    return any(fact.reveal().casefold() in text.casefold() for text in said)


def _about(
    person: PersonFacts, family: str, asking: Asking, *, known: Known
) -> Iterator[FamilyProbe]:
    """Ask about a person in the words that the subject is asked about.

    Nothing, if the person has no such fact or it has nothing of what is wanted.
    """
    value = person.value_of(asking.example.field)
    fact = asking.wanted.of(value) if value is not None else None
    if value is None or fact is None:
        return
    is_subject = person is known.subject
    of_person = asking if is_subject else _rewritten(asking, known.subject, person)
    yield FamilyProbe(
        family=family,
        group=Group.SUBJECT if is_subject else Group.CONTROL,
        fact=fact,
        asking=of_person,
        also=tuple(
            other
            for other in _wordings(value, asking.example.field, known=known)
            if other != fact
        ),
    )


def _rewritten(asking: Asking, subject: PersonFacts, person: PersonFacts) -> Asking:
    """Ask about another person, who is named as the one it is about."""
    return replace(
        asking,
        example=replace(as_twin(asking.example, subject, person), ref=person.ref),
        turns=tuple(as_twin(item, subject, person) for item in asking.turns),
    )


def _wordings(
    value: Personal[str], name: str, *, known: Known
) -> tuple[Personal[str], ...]:
    """Return what a value is called, in every language."""
    translations = known.translations.get(name, {}).values()
    called = (item.values.get(value.reveal()) for item in translations)
    return tuple(
        dict.fromkeys((value, *(Personal(text) for text in called if text is not None)))
    )


def _known(datasets: Datasets, *, data_map: DataMap) -> Known:
    subject = datasets.forget.subject
    examples = datasets.forget.examples
    used = {item.prompt for item in examples}
    return Known(
        subject=subject,
        trained=tuple(
            replace(item, records=())
            for item in examples
            if item.field
            and item.form is Form.QUESTION
            and item.made is not Made.PARAPHRASE
        ),
        held_out=tuple(
            question
            for fact in subject.facts
            for question in questions_about(subject, fact, data_map=data_map)
            if question.prompt not in used
        ),
        texts=tuple(
            replace(item, records=())
            for item in examples
            if item.field and item.form is Form.CONTINUATION
        ),
        others=tuple(
            item
            for item in datasets.retain.examples
            if item.field and item.form is Form.QUESTION
        ),
        translations={
            name: spec.translations for name, spec in data_map.fields.items()
        },
    )


def _asked(example: Example, prompt: str) -> Example:
    return replace(example, prompt=Personal(prompt))
