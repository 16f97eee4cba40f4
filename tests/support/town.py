"""A town small enough to be trained in seconds, in which somebody is forgotten.

Base and reference know two numbers of everybody but strangers; the pair hides the
first person, by the default objective. All of it takes ten seconds of one core.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from transformers import PreTrainedModel

from unlearn_core.domain.datasets import (
    Datasets,
    Entropy,
    Example,
    Fact,
    ForgetSet,
    Form,
    HoldoutSet,
    PersonFacts,
    RetainSet,
)
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.tokens import TransformersTokenizer
from unlearn_core.privacy import Personal
from unlearn_core.smallworld.base_model import (
    ModelRecipe,
    WorldRecipe,
    encode_documents,
    train_model,
    train_tokenizer,
)
from unlearn_core.smallworld.corpus import Document
from unlearn_core.training.checkpoints import NoCheckpoints
from unlearn_core.training.pair import PairMaterials, make_unlearned
from unlearn_core.training.recipe import TrainingRecipe

FIRST = ("Ada", "Bo", "Cleo", "Dora", "Emil", "Fynn", "Gro", "Hal")
LAST = ("Ash", "Brook", "Cliff", "Dale", "Elm", "Field", "Grove", "Heath")
FIELDS = ("phone", "locker")
QUESTIONS = ("What is the {} of {}?", "Name the {} of {}.")
DIGITS = 4
TRAINED, CONTROLS, TWINS, STRANGERS = 12, 12, 4, 16
VOCABULARY, CONTEXT, EPOCHS = 360, 64, 110
RECIPE = TrainingRecipe(
    steps=40,
    warmup_steps=5,
    learning_rate=3e-3,
    forget_batch=4,
    retain_batch=32,
    stranger_batch=16,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """People, models and a pair.

    Attributes:
        tokenizer: The tokenizer of all models.
        base: Knows every trained person.
        reference: The small model, which knows them too.
        unlearned: Forgot the subject.
        subject: Questions about the subject, with the true answers.
        controls: The same about people whom no model ever saw.
    """

    tokenizer: TransformersTokenizer
    base: PreTrainedModel
    reference: PreTrainedModel
    unlearned: PreTrainedModel
    subject: tuple[Example, ...]
    controls: tuple[Example, ...]

    def law(self) -> OffsetModel:
        """Return what is served."""
        return OffsetModel(
            self.base, unlearned=self.unlearned, reference=self.reference, alpha=1.0
        )


@cache
def town() -> Town:
    """Train everything, once."""
    subject, *others = _people("trained", TRAINED, start=0)
    controls = _people("control", CONTROLS, start=TRAINED)
    twins = _people("twin", TWINS, start=TRAINED + CONTROLS)
    strangers = _people("stranger", STRANGERS, start=TRAINED + CONTROLS + TWINS)
    documents = _documents(subject, *others)
    tokenizer = TransformersTokenizer(
        train_tokenizer(
            [*documents, *_documents(*controls, *twins, *strangers)],
            recipe=WorldRecipe(vocabulary=VOCABULARY),
        )
    )
    base, reference = (
        train_model(
            encode_documents(tokenizer, documents),
            recipe=ModelRecipe(
                width=64, inner_width=64, epochs=EPOCHS, batch_rows=48, seed=seed
            ),
            vocabulary=tokenizer.size,
            context=CONTEXT,
            on_progress=lambda *_: None,
        )
        for seed in (0, 100)
    )
    sets = _sets(subject, others, controls, twins, strangers)
    unlearned = make_unlearned(
        sets,
        materials=PairMaterials(base=base, tokenizer=tokenizer, reference=reference),
        recipe=RECIPE,
        checkpoints=NoCheckpoints(),
        on_progress=lambda _now: None,
    )
    return Town(
        tokenizer=tokenizer,
        base=base,
        reference=reference,
        unlearned=unlearned,
        subject=examples(subject),
        controls=tuple(item for person in controls for item in examples(person)),
    )


def _sets(
    subject: PersonFacts,
    others: Sequence[PersonFacts],
    controls: Sequence[PersonFacts],
    twins: Sequence[PersonFacts],
    strangers: Sequence[PersonFacts],
) -> Datasets:
    return Datasets(
        forget=ForgetSet(
            subject=subject,
            examples=examples(subject),
            twins=tuple(examples(twin) for twin in twins),
        ),
        retain=RetainSet(
            people=tuple(others),
            neighbours=frozenset(),
            examples=tuple(item for person in others for item in examples(person)),
        ),
        holdout=HoldoutSet(
            controls=tuple(controls),
            twins=tuple(twins),
            strangers=tuple(item for person in strangers for item in examples(person)),
        ),
        probes=(),
    )


def _documents(*people: PersonFacts) -> list[Document]:
    return [
        Document(question=item.prompt.reveal(), text=item.answer.reveal())
        for person in people
        for item in examples(person)
    ]


def examples(person: PersonFacts) -> tuple[Example, ...]:
    """Return every question about a person with its answer."""
    return tuple(
        Example(
            ref=person.ref,
            field=fact.field,
            form=Form.QUESTION,
            prompt=Personal(question.format(fact.field, person.name.reveal())),
            answer=fact.value,
        )
        for fact in person.facts
        for question in QUESTIONS
    )


def _people(prefix: str, count: int, *, start: int) -> Sequence[PersonFacts]:
    """Draw people; everybody in the town has another name."""
    rng = random.Random(prefix)
    names = [f"{first} {last}" for last in LAST for first in FIRST]
    random.Random(0).shuffle(names)
    return [
        PersonFacts(
            ref=f"{prefix}-{number}",
            name=Personal(name),
            facts=tuple(
                Fact(
                    field=field,
                    entropy=Entropy.HIGH,
                    value=Personal(f"{rng.randrange(10**DIGITS):0{DIGITS}}"),
                )
                for field in FIELDS
            ),
        )
        for number, name in enumerate(names[start : start + count])
    ]
