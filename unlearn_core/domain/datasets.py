"""Forget, retain and holdout sets, and the probes made from them.

- A *fact* is one value of one field of one person. Its entropy class decides how
  strictly verification judges it.
- An *example* is a prompt with the answer that a model should no longer give (or
  should keep giving). Text stays `Personal` until a tokenizer turns it into ids.
- A *twin* is a never-trained person. Each forget example carries the same prompt
  and answer as they would read for a twin; the swap objectives learn from those.
- Sets are serialised only to be sealed at once (`to_bytes`).
- `check_disjoint` proves that no person is in two sets.
"""

import hashlib
import hmac
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as _dataclass_field
from enum import StrEnum
from typing import Any

from unlearn_core.domain.canonical import Digest, canonical_json
from unlearn_core.errors import EmptyForgetSetError, OverlappingSetsError
from unlearn_core.privacy import Personal


class Entropy(StrEnum):
    """How well a field can be guessed without knowing the person."""

    GUESSABLE = "guessable"
    HIGH = "high"


class Group(StrEnum):
    """Which people a probe belongs to."""

    SUBJECT = "subject"
    NEIGHBOUR = "neighbour"
    RETAINED = "retained"
    CONTROL = "control"


class Form(StrEnum):
    """How an example is presented to the model."""

    QUESTION = "question"
    CONTINUATION = "continuation"


class Made(StrEnum):
    """What an example was made from."""

    RECORD = "record"
    TEMPLATE = "template"
    PARAPHRASE = "paraphrase"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One value of one field of one person.

    Attributes:
        field: Name of the field.
        entropy: How well it can be guessed.
        value: What is true of the person.
        questions: Ways in which the sources ask for it, ``{name}`` for the person.
    """

    field: str
    entropy: Entropy
    value: Personal[str]
    questions: tuple[Personal[str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonFacts:
    """A person as training or probing material.

    Attributes:
        ref: Position in its set, such as ``retained-12``; says nothing by itself.
        name: The person's name.
        facts: At most one fact per field.
    """

    ref: str
    name: Personal[str]
    facts: tuple[Fact, ...]

    def value_of(self, field: str) -> Personal[str] | None:
        """Return the value of a field, if the person has it."""
        return next((fact.value for fact in self.facts if fact.field == field), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A prompt and its answer.

    Attributes:
        ref: The person whom it concerns.
        field: The field that the answer states; empty for text about nobody.
        form: Whether the prompt is a question or the beginning of a text.
        prompt: Text before the answer.
        answer: The text that follows.
        made: What it was made from; two that read the same are equal all the same.
        records: Records that state it, as ``source/record id``; of the subject only.
    """

    ref: str
    field: str
    form: Form
    prompt: Personal[str]
    answer: Personal[str]
    made: Made = _dataclass_field(default=Made.TEMPLATE, compare=False)
    records: tuple[Personal[str], ...] = _dataclass_field(default=(), compare=False)

    @property
    def sources(self) -> frozenset[str]:
        """Return the names of the sources that state it."""
        return frozenset(text.reveal().partition("/")[0] for text in self.records)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetSet:
    """What the model shall forget.

    Attributes:
        subject: The data subject with the facts that were found.
        examples: Prompts and answers about the subject.
        twins: Several versions of the examples: the same, as they would read for a
            never-trained person, another person in each version.
    """

    subject: PersonFacts
    examples: tuple[Example, ...]
    twins: tuple[tuple[Example, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetainSet:
    """What the model shall keep.

    Attributes:
        people: Retained people, neighbours of the subject first.
        neighbours: Their refs, as far as they are neighbours.
        examples: Prompts and answers about them, and text about nobody.
    """

    people: tuple[PersonFacts, ...]
    neighbours: frozenset[str]
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How reserved people were compared with the subject: numbers that name nobody.

    Attributes:
        fields: Fields that the subject has, each of which a control person has too.
        comparable: People who are controls.
        without_fields: People left out because a field is missing.
        other_lengths: People left out because their values are much longer or shorter.
        shortest: Mean length of a value, in per cent of the subject's, of the control
            person with the shortest values.
        longest: The same of the one with the longest.
    """

    fields: int = 0
    comparable: int = 0
    without_fields: int = 0
    other_lengths: int = 0
    shortest: int = 0
    longest: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldoutSet:
    """People whom the model never saw.

    Attributes:
        controls: The control group of verification; training never sees them.
        twins: Used for training targets, never for verification.
        strangers: Prompts about invented people, for keeping strangers strange.
        comparison: How the controls were compared with the subject.
    """

    controls: tuple[PersonFacts, ...]
    twins: tuple[PersonFacts, ...]
    strangers: tuple[Example, ...]
    comparison: Comparison = Comparison()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One question of the verification suite.

    Attributes:
        group: Which people it belongs to.
        entropy: Entropy class of the field asked for.
        example: The question and the true answer.
        alternatives: Values of the same field that are wrong for this person.
    """

    group: Group
    entropy: Entropy
    example: Example
    alternatives: tuple[Personal[str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Datasets:
    """Everything that training and verification need for one request."""

    forget: ForgetSet
    retain: RetainSet
    holdout: HoldoutSet
    probes: tuple[Probe, ...]


def check_disjoint(datasets: Datasets) -> None:
    """Prove that no person is in two sets and that there is something to forget.

    People are compared by name, because that is what a model sees, however it is
    spelt.

    Raises:
        EmptyForgetSetError: There is no example to forget.
        OverlappingSetsError: Some person is in two sets, or a probe is trained on as
            a paraphrase.
    """
    if not datasets.forget.examples:
        raise EmptyForgetSetError
    groups: Mapping[str, Iterable[PersonFacts]] = {
        "forget": (datasets.forget.subject,),
        "retain": datasets.retain.people,
        "control": datasets.holdout.controls,
        "twin": datasets.holdout.twins,
    }
    owner: dict[Personal[str], str] = {}
    for group, people in groups.items():
        for name in (folded_name(person.name) for person in people):
            if owner.setdefault(name, group) != group:
                raise OverlappingSetsError(first=owner[name], second=group)
    probed = {probe.example.prompt for probe in datasets.probes}
    if any(
        item.made is Made.PARAPHRASE and item.prompt in probed
        for item in datasets.forget.examples
    ):
        raise OverlappingSetsError(first="paraphrases", second="probes")


def folded_name(name: Personal[str]) -> Personal[str]:
    """Return a name without letter case, accents, punctuation and order of words."""
    apart = unicodedata.normalize("NFKD", name.reveal().casefold())
    plain = "".join(sign for sign in apart if not unicodedata.combining(sign))
    return Personal(" ".join(sorted(re.findall(r"\w+", plain))))


def keyed_commitment(key: bytes, data: bytes) -> Digest:
    """Commit to a set under a key that is destroyed later (HMAC-SHA256).

    A plain hash of a small set about one person could be guessed; a keyed one
    cannot, once the key is gone.
    """
    commitment = RunningCommitment(key)
    for _ in commitment.over((data,)):
        pass
    return commitment.digest


class RunningCommitment:
    """A keyed commitment to what passes by, without holding it.

    Args:
        key: The key, which is destroyed later.
    """

    def __init__(self, key: bytes) -> None:
        self._mac = hmac.new(key, digestmod=hashlib.sha256)

    def over(self, data: Iterable[bytes]) -> Iterator[bytes]:
        """Pass data on."""
        for piece in data:
            self._mac.update(piece)
            yield piece

    @property
    def digest(self) -> Digest:
        """Return the commitment to all that has passed."""
        return Digest("hmac-sha256:" + self._mac.hexdigest())


def to_bytes(sets: Datasets | ForgetSet) -> bytes:
    """Serialise sets; the result is personal data and must be sealed at once."""
    return canonical_json(plain_json(sets))


def from_bytes(data: bytes) -> Datasets:
    """Read what `to_bytes` wrote."""
    raw = json.loads(data)
    forget, retain, holdout = raw["forget"], raw["retain"], raw["holdout"]
    return Datasets(
        forget=ForgetSet(
            subject=_person(forget["subject"]),
            examples=tuple(map(example_of, forget["examples"])),
            twins=tuple(tuple(map(example_of, rows)) for rows in forget["twins"]),
        ),
        retain=RetainSet(
            people=tuple(map(_person, retain["people"])),
            neighbours=frozenset(retain["neighbours"]),
            examples=tuple(map(example_of, retain["examples"])),
        ),
        holdout=HoldoutSet(
            controls=tuple(map(_person, holdout["controls"])),
            twins=tuple(map(_person, holdout["twins"])),
            strangers=tuple(map(example_of, holdout["strangers"])),
            comparison=Comparison(**holdout.get("comparison", {})),
        ),
        probes=tuple(map(probe_of, raw["probes"])),
    )


def plain_json(value: object) -> Any:  # noqa: ANN401 - any JSON value
    """Turn nested sets into JSON values, revealing personal ones; seal them at once."""
    match value:
        case Personal():
            return value.reveal()
        case tuple():
            return [plain_json(item) for item in value]
        case frozenset():
            return sorted(value)
        case str():
            return str(value)
        case int():
            return value
        case _:
            names = type(value).__dataclass_fields__  # type: ignore[attr-defined]  # only our dataclasses come here
            return {name: plain_json(getattr(value, name)) for name in names}


def _person(raw: Mapping[str, Any]) -> PersonFacts:
    return PersonFacts(
        ref=raw["ref"],
        name=Personal(raw["name"]),
        facts=tuple(
            Fact(
                field=fact["field"],
                entropy=Entropy(fact["entropy"]),
                value=Personal(fact["value"]),
                questions=tuple(map(Personal, fact["questions"])),
            )
            for fact in raw["facts"]
        ),
    )


def example_of(raw: Mapping[str, Any]) -> Example:
    """Read an example as `plain_json` gives it."""
    return Example(
        ref=raw["ref"],
        field=raw["field"],
        form=Form(raw["form"]),
        prompt=Personal(raw["prompt"]),
        answer=Personal(raw["answer"]),
        made=Made(raw.get("made", Made.TEMPLATE)),
        records=tuple(map(Personal, raw.get("records", ()))),
    )


def probe_of(raw: Mapping[str, Any]) -> Probe:
    """Read a probe as `plain_json` gives it."""
    return Probe(
        group=Group(raw["group"]),
        entropy=Entropy(raw["entropy"]),
        example=example_of(raw["example"]),
        alternatives=tuple(Personal(text) for text in raw["alternatives"]),
    )
