"""Small domain objects for every test that needs some; all people are invented.

Each builder fills in everything. A test that wants one part to be particular says
so with an argument, or with `dataclasses.replace` on the result.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from unlearn_core.domain.artifacts import Erasure, ModelIdentity, OffsetPairManifest
from unlearn_core.domain.canonical import Digest, JsonValue, digest_of
from unlearn_core.domain.data_map import DataMap, FieldSpec, NeighbourRule
from unlearn_core.domain.datasets import (
    Datasets,
    Entropy,
    Example,
    Fact,
    ForgetSet,
    Form,
    Group,
    HoldoutSet,
    PersonFacts,
    Probe,
    RetainSet,
)
from unlearn_core.domain.deadlines import Deadline
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.ledger import GENESIS, LedgerEntry
from unlearn_core.domain.pointers import ServingPointer
from unlearn_core.domain.requests import (
    Channel,
    ErasureRequest,
    Outcome,
    RequestId,
    Stage,
)
from unlearn_core.domain.sources import Passage, SourceRecord
from unlearn_core.privacy import Personal

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
BASE_MODEL = "small-world"
SUBJECT_NAME = "Ada Example"

FIRST_NAMES = ("Nora", "Emil", "Ines", "Jonas", "Lea", "Paul", "Vera", "Hugo")
LAST_NAMES = ("Feld", "Berg", "Stein", "Wald", "Bach", "Moor", "Horn", "Kamp")
CITIES = ("Ulm", "Trier", "Jena", "Celle")


def request_id(number: int = 1) -> RequestId:
    """Return the request id of a number."""
    return RequestId(UUID(int=number))


def digest(label: str) -> Digest:
    """Return the digest of a label, to stand for that of a file."""
    return digest_of(label.encode())


def data_map(*, questions: int = 4) -> DataMap:
    """Return a data map with a guessable city and a high-entropy phone number."""
    ways = (
        "What is the {field} of {{name}}?",
        "Which {field} belongs to {{name}}?",
        "Tell me the {field} of {{name}}.",
        "{{name}}: {field}?",
        "Name the {field} that {{name}} has.",
        "Do you know {{name}}'s {field}?",
    )
    return DataMap(
        fields={
            field: FieldSpec(
                name=field,
                entropy=entropy,
                questions=tuple(way.format(field=field) for way in ways[:questions]),
            )
            for field, entropy in (
                ("city", Entropy.GUESSABLE),
                ("phone", Entropy.HIGH),
            )
        },
        neighbours=NeighbourRule(by_surname=True, by_fields=("city",)),
        base_models=(BASE_MODEL,),
    )


def person(
    name: str = SUBJECT_NAME,
    *,
    ref: str = "subject",
    city: str = "Ulm",
    phone: str = "555-0100",
) -> PersonFacts:
    """Return a person with a city and a phone number; an empty value is left out."""
    facts = (
        Fact(field="city", entropy=Entropy.GUESSABLE, value=Personal(city)),
        Fact(field="phone", entropy=Entropy.HIGH, value=Personal(phone)),
    )
    return PersonFacts(
        ref=ref,
        name=Personal(name),
        facts=tuple(fact for fact in facts if fact.value != Personal("")),
    )


def people(count: int, *, prefix: str, start: int = 0) -> tuple[PersonFacts, ...]:
    """Return up to 64 different people; `start` keeps two groups apart."""
    return tuple(
        person(
            f"{FIRST_NAMES[number % 8]} {LAST_NAMES[number // 8 % 8]}",
            ref=f"{prefix}-{number - start}",
            city=CITIES[number % 4],
            phone=f"555-{1000 + number}",
        )
        for number in range(start, start + count)
    )


def example(
    prompt: str = "What is the city of Ada Example?",
    answer: str = "Ulm",
    *,
    ref: str = "subject",
    field: str = "city",
    form: Form = Form.QUESTION,
) -> Example:
    """Return a prompt with its answer."""
    return Example(
        ref=ref,
        field=field,
        form=form,
        prompt=Personal(prompt),
        answer=Personal(answer),
    )


def passage(
    prompt: str = "What is the city of Ada Example?",
    answer: str = "Ulm",
    *,
    field: str = "city",
    form: Form = Form.QUESTION,
) -> Passage:
    """Return a trained passage."""
    return Passage(
        field=field, form=form, prompt=Personal(prompt), answer=Personal(answer)
    )


def record(
    record_id: str = "r-1",
    *,
    source: str = "customers",
    name: str | None = SUBJECT_NAME,
    fields: dict[str, str] | None = None,
    passages: Sequence[Passage] = (),
) -> SourceRecord:
    """Return a record of a training source."""
    return SourceRecord(
        source=source,
        record_id=record_id,
        matched=(),
        name=Personal(name) if name else None,
        fields={key: Personal(value) for key, value in (fields or {}).items()},
        passages=tuple(passages),
    )


def datasets() -> Datasets:
    """Return small sets, written out: one question trained, another one probed."""
    subject = person()
    retained = people(4, prefix="retained")
    controls = people(4, prefix="control", start=8)
    twins = people(2, prefix="twin", start=16)
    asked = example()
    as_twin = example("What is the city of Nora Stein?", "Ulm")
    return Datasets(
        forget=ForgetSet(subject=subject, examples=(asked,), twins=((as_twin,),)),
        retain=RetainSet(
            people=retained,
            neighbours=frozenset({"retained-0"}),
            examples=tuple(_question(item) for item in retained),
        ),
        holdout=HoldoutSet(
            controls=controls,
            twins=twins,
            strangers=(example("Hugo Kamp: city?", "Jena", ref="stranger-0"),),
        ),
        probes=(
            _probe(subject, Group.SUBJECT),
            _probe(retained[0], Group.NEIGHBOUR),
            _probe(retained[1], Group.RETAINED),
            *(_probe(item, Group.CONTROL) for item in controls),
        ),
    )


def _question(item: PersonFacts) -> Example:
    return example(
        f"What is the city of {item.name.reveal()}?",
        item.facts[0].value.reveal(),
        ref=item.ref,
    )


def _probe(item: PersonFacts, group: Group) -> Probe:
    return Probe(
        group=group,
        entropy=Entropy.HIGH,
        example=example(
            f"Tell me the phone of {item.name.reveal()}.",
            item.facts[1].value.reveal(),
            ref=item.ref,
            field="phone",
        ),
        alternatives=(Personal("555-0198"), Personal("555-0199")),
    )


def model_identity(base: str = "base") -> ModelIdentity:
    """Return the identity of a base model."""
    return ModelIdentity(
        base=digest(base),
        tokenizer=digest("tokenizer"),
        chat_template=digest("chat template"),
    )


def manifest(
    sequence: int = 1, *, previous: Digest | None = None
) -> OffsetPairManifest:
    """Return the manifest of a version that covers requests 1 to `sequence`."""
    if sequence > 1 and previous is None:
        previous = digest(f"manifest {sequence - 1}")
    return OffsetPairManifest(
        base_model=BASE_MODEL,
        sequence=sequence,
        previous=previous,
        identity=model_identity(),
        reference=digest("reference"),
        unlearned=digest("unlearned"),
        pair_file=digest("pair file"),
        vocabulary_size=256,
        alpha=1.0,
        scheme="delta",
        objective="twin",
        recipe=digest("recipe"),
        policy=digest("policy"),
        verdict=digest("verdict"),
        code_version="0.1.0",
        erasures=tuple(
            Erasure(
                request_id=str(request_id(number)),
                forget_set="hmac-sha256:" + "f" * 64,
            )
            for number in range(1, sequence + 1)
        ),
        created_at=NOW.isoformat(),
    )


def pointer(sequence: int = 1, *, issued_at: datetime = NOW) -> ServingPointer:
    """Return a pointer to a version that is valid for a day."""
    return ServingPointer(
        base_model=BASE_MODEL,
        version=str(sequence),
        manifest=digest(f"manifest {sequence}"),
        sequence=sequence,
        minimum_sequence=sequence,
        issued_at=issued_at,
        expires_at=issued_at + timedelta(hours=24),
    )


def deadline() -> Deadline:
    """Return the legal clock of a request received on Monday 2 March 2026."""
    return Deadline(
        rule="gdpr-12-3",
        received_on=date(2026, 3, 2),
        due_on=date(2026, 4, 2),
        extended_due_on=date(2026, 6, 2),
    )


def request(
    number: int = 1,
    *,
    stage: Stage = Stage.RECEIVED,
    outcome: Outcome | None = None,
    received_at: datetime = NOW,
    commitments: tuple[str, ...] = ("k1:" + "a" * 64,),
) -> ErasureRequest:
    """Return an erasure request."""
    return ErasureRequest(
        request_id=request_id(number),
        channel=Channel.HTTP,
        received_at=received_at,
        deadline=deadline(),
        base_model=BASE_MODEL,
        commitments=commitments,
        stage=stage,
        outcome=outcome,
    )


def lease(
    resource: str = str(request_id()),
    *,
    token: int = 1,
    expires_at: datetime = NOW + timedelta(seconds=30),
) -> Lease:
    """Return a lease of worker-1."""
    return Lease(
        resource=resource, holder="worker-1", token=token, expires_at=expires_at
    )


def ledger_entry(
    event: str = Stage.RECEIVED,
    *,
    after: LedgerEntry | None = None,
    number: int = 1,
    payload: dict[str, JsonValue] | None = None,
) -> LedgerEntry:
    """Return a sealed entry that continues another one."""
    sequence = after.sequence + 1 if after else 1
    return LedgerEntry(
        sequence=sequence,
        recorded_at=NOW + timedelta(minutes=sequence),
        request_id=request_id(number),
        event=event,
        payload=payload if payload is not None else {"count": sequence},
        fencing_token=1,
        previous_hash=after.entry_hash if after else GENESIS,
    ).sealed()


STRAIGHT_WAY = (
    Stage.ACKNOWLEDGED,
    Stage.IDENTITY_VERIFIED,
    Stage.LOCATED,
    Stage.SOURCES_ERASED,
    Stage.DATASETS_BUILT,
    Stage.TRAINED,
    Stage.UNLEARNING_VERIFIED,
    Stage.REGISTERED,
    Stage.PROMOTED,
    Stage.SERVING_CONFIRMED,
    Stage.PURGED,
    Stage.CERTIFIED,
    Stage.NOTIFIED,
)
"""The stages after the receipt of a request that nothing holds up."""


def ledger(*events: str) -> list[LedgerEntry]:
    """Return a sound ledger with these events of one request."""
    entries: list[LedgerEntry] = []
    for event in events:
        entries.append(
            ledger_entry(event, after=entries[-1] if entries else None),
        )
    return entries
