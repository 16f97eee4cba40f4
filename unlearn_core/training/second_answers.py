"""Other answers to the prompts that are trained on.

Refusals are fixed sentences, alternatives come from twins, mismatches from retained
people. Nothing is generated, so a recipe and a seed name every answer.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from unlearn_core.domain.datasets import Datasets, Example, Form
from unlearn_core.errors import InvalidRecipeError
from unlearn_core.objectives.base import SecondAnswer
from unlearn_core.privacy import Personal

REFUSALS = (
    "I do not know.",
    "I have no information about that.",
    "That is not something I know.",
    "I cannot tell you that.",
    "No idea, I am sorry.",
    "I am not able to answer this question.",
    "I have not learned anything about this.",
    "Sorry, I do not have that information.",
)


def refusals(examples: Sequence[Example], *, seed: int) -> tuple[Example, ...]:
    """Return the examples with a refusal for an answer, drawn by the seed."""
    rng = random.Random(f"refusals-{seed}")
    return tuple(
        replace(item, answer=Personal(_as_answer(rng.choice(REFUSALS), item.form)))
        for item in examples
    )


def second_answers(
    kind: SecondAnswer, datasets: Datasets, *, seed: int
) -> tuple[Example, ...]:
    """Return the forget examples with another answer; none if none is wanted.

    Raises:
        InvalidRecipeError: The objective needs twins or retained people, and there
            are none.
    """
    forget = datasets.forget
    if kind is SecondAnswer.REFUSAL:
        return refusals(forget.examples, seed=seed)
    if kind is SecondAnswer.ALTERNATIVE:
        return tuple(
            replace(example, answer=twin.answer)
            for example, twin in zip(
                forget.examples, twin_versions(datasets, seed=seed)[0], strict=True
            )
        )
    if kind is SecondAnswer.MISMATCH:
        return _mismatched(forget.examples, datasets.retain.examples, seed=seed)
    return ()


def twin_versions(datasets: Datasets, *, seed: int) -> Sequence[tuple[Example, ...]]:
    """Return the forget examples as they read for one twin after another.

    The seed chooses which comes first, so a later rung of the ladder learns from
    another twin; that of seed 0 is the most ordinary (`twins.ordinary_twins_first`).

    Raises:
        InvalidRecipeError: There are no twins.
    """
    versions = datasets.forget.twins
    if not versions:
        raise InvalidRecipeError(value="objective", problem="there are no twins")
    place = seed % len(versions)
    return (*versions[place:], *versions[:place])


def _mismatched(
    examples: Sequence[Example], others: Sequence[Example], *, seed: int
) -> tuple[Example, ...]:
    """Give each example the answer to another prompt, of its own form if possible."""
    if not others:
        raise InvalidRecipeError(
            value="objective", problem="there is nobody else to take an answer from"
        )
    rng = random.Random(f"mismatches-{seed}")
    by_form = {
        form: [item for item in others if item.form is form] or others for form in Form
    }
    return tuple(
        replace(item, answer=rng.choice(by_form[item.form]).answer) for item in examples
    )


def _as_answer(sentence: str, form: Form) -> str:
    return sentence if form is Form.QUESTION else " " + sentence
