"""When training may end, and how strong the offset shall be.

Both follow from one look: where the subject stands among never-trained people, and
what became of everybody else. `Limits` say what a look must find, `Settling` ends the
training, `choose_alpha` picks the strength.

Legend: E examples, N answer positions, V vocabulary.

The statistic of a person is that of verification (`metrics.indistinguishability`):
the mean log-probability of the true answers' tokens, fields weighing the same. Two
things differ, so that nothing is learned from what verification will ask: questions
are those that training has already, and the people beside whom the subject is looked
at are the twins, who never serve as controls.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import torch
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.domain.curation import as_twin
from unlearn_core.domain.datasets import Datasets, Example, Form
from unlearn_core.modeling.offset import compose_log_probs
from unlearn_core.modeling.tokens import TokenizedExample, in_chunks
from unlearn_core.objectives.base import require_positive
from unlearn_core.training.passes import small_laws
from unlearn_core.training.targets import AnswerTable

DRIFT_QUANTILE = 0.99
KEPT_EXAMPLES = 64
STRENGTHS = tuple(number / 20 for number in range(10, 41))
"""What the recipe's strength is multiplied with: 0.5, 0.55 and so on up to 2."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Watched:
    """What is looked at during training.

    Attributes:
        people: Questions about the subject and the same about never-trained people.
        refs_E: Whom each of them concerns, as often as there are fields.
        subject: Which of the people is the subject.
        kept: Examples that shall stay as they are.
    """

    people: AnswerTable
    refs_E: tuple[str, ...]
    subject: str
    kept: AnswerTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one look found.

    Attributes:
        gap: `two_sided_gap` of the subject.
        drift: `retain_drift` of what shall stay.
    """

    gap: float
    drift: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a look must find.

    Attributes:
        gap: How far from the middle of never-trained people the subject may lie,
            either way; 0.5 is the middle half.
        drift: What may have become of everybody else, in nats.
        looks: After how many such looks in a row training ends.
    """

    gap: float = 0.5
    drift: float = 0.1
    looks: float = 2

    def __post_init__(self) -> None:
        """Refuse values that cannot work.

        Raises:
            ValueError: A value is not positive, or the gap is 1 or more, which says
                nothing.
        """
        require_positive(gap=self.gap, drift=self.drift, looks=self.looks)
        if self.gap >= 1:
            message = "every gap is within 1"
            raise ValueError(message)

    def admit(self, reading: Reading) -> bool:
        """Tell whether a look found what it must, on both sides."""
        return abs(reading.gap) <= self.gap and reading.drift <= self.drift


@dataclass(slots=True, kw_only=True)
class Settling:
    """Ends training after some looks in a row that found what they must.

    Attributes:
        limits: What a look must find; None to train to the last step.
        calm: How many looks in a row did so; part of a run's state.
    """

    limits: Limits | None
    calm: int = 0

    def note(self, reading: Reading | None) -> bool:
        """Take a look into account; return whether training may end."""
        if self.limits is None or reading is None:
            return False
        self.calm = self.calm + 1 if self.limits.admit(reading) else 0
        return self.calm >= self.limits.looks


def choose_alpha(
    readings: Mapping[float, Reading], *, limits: Limits, preferred: float
) -> float:
    """Return the offset strength to serve with.

    It is the preferred one if it is within the limits. Otherwise it is that at which
    the subject lies nearest to the middle, of all whose drift is within the limit; the
    nearest to the preferred one among equals; the preferred one if there is none.

    Args:
        readings: What a look found at each strength, the preferred one included.
        limits: What it must find.
        preferred: The strength of the recipe.
    """
    if limits.admit(readings[preferred]):
        return preferred
    return min(
        (alpha for alpha, found in readings.items() if found.drift <= limits.drift),
        key=lambda alpha: (abs(readings[alpha].gap), abs(alpha - preferred)),
        default=preferred,
    )


def two_sided_gap(subject: float, others: Sequence[float]) -> float:
    """Return where a value lies among others: -1 below, 0 in the middle, 1 above.

    It is ``P(other < subject) - P(other > subject)``, twice the area under the ROC
    curve minus one, known as Somers' D (Somers 1962, ASR 27(6)). Above zero the
    subject is remembered, below zero conspicuously unknown.

    Raises:
        ValueError: There is nobody to compare with.
    """
    if not others:
        message = "there is nobody to compare with"
        raise ValueError(message)
    below = sum(value < subject for value in others)
    above = sum(value > subject for value in others)
    return (below - above) / len(others)


def retain_drift(before_NV: Tensor, served_NV: Tensor, counts_E: Tensor) -> float:
    """Return the 99th percentile over answers of KL(before || served), in nats.

    The number that the gate on ``retain_shift`` limits; zero without an answer.
    """
    if not len(counts_E):
        return 0.0
    shift_N = (before_NV.exp() * (before_NV - served_NV)).sum(-1)
    shift_E = _mean_per_example(shift_N, counts_E)
    return float(shift_E.quantile(DRIFT_QUANTILE))


def answer_likelihoods(law_NV: Tensor, table: AnswerTable) -> list[float]:
    """Return the mean log-probability of every answer's tokens, in nats."""
    own_N = law_NV.gather(-1, table.labels_N[:, None])[:, 0]
    means: list[float] = _mean_per_example(own_N, table.counts_E).tolist()
    return means


def read(
    model: PreTrainedModel,
    watched: Watched,
    *,
    alpha: float,
    pad_id: int,
    precision: str = "float32",
) -> Reading:
    """Look at the ensemble as it stands, without gradients.

    Args:
        model: The unlearned model.
        watched: What is looked at.
        alpha: Offset strength.
        pad_id: Id that fills up short rows.
        precision: ``float32`` or ``bfloat16`` for the model's passes.
    """
    (reading,) = read_at(
        [alpha], model, watched, pad_id=pad_id, precision=precision
    ).values()
    return reading


def read_at(
    strengths: Sequence[float],
    model: PreTrainedModel,
    watched: Watched,
    *,
    pad_id: int,
    precision: str = "float32",
) -> dict[float, Reading]:
    """Look at the ensemble at several strengths, as `read` does at one."""
    people, kept = watched.people, watched.kept
    people_NV, kept_NV = (
        own_laws(model, table.examples, pad_id=pad_id, precision=precision)
        for table in (people, kept)
    )

    def reading(alpha: float) -> Reading:
        values = answer_likelihoods(_served(people, people_NV, alpha=alpha), people)
        statistics = _mean_per_person(values, watched.refs_E)
        subject = statistics.pop(watched.subject)
        served_NV = _served(kept, kept_NV, alpha=alpha)
        return Reading(
            gap=two_sided_gap(subject, list(statistics.values())),
            drift=retain_drift(kept.target_NV, served_NV, kept.counts_E),
        )

    return {alpha: reading(alpha) for alpha in strengths}


def own_laws(
    model: PreTrainedModel,
    examples: Sequence[TokenizedExample],
    *,
    pad_id: int,
    precision: str,
) -> Tensor:
    """Return a small model's law ``[N, V]`` at answer positions, without gradients."""
    with torch.no_grad():
        pieces = [
            small_laws(model, chunk, pad_id=pad_id, precision=precision)
            for chunk in in_chunks(examples)
        ]
    return torch.cat(pieces) if pieces else torch.zeros((0, 0), device=model.device)


def questions_to_watch(datasets: Datasets) -> tuple[Example, ...]:
    """Return one trained question per field, about the subject and every twin.

    Twins answer with their own values. A field that a twin does not have is not
    asked; nothing is returned where there is no question or nobody to compare with.
    """
    subject = datasets.forget.subject
    questions = {
        item.field: item
        for item in reversed(datasets.forget.examples)
        if item.form is Form.QUESTION and subject.value_of(item.field) is not None
    }
    compared = [
        replace(as_twin(question, subject, twin), ref=twin.ref)
        for twin in datasets.holdout.twins
        for question in questions.values()
        if twin.value_of(question.field) is not None
    ]
    return (*questions.values(), *compared) if questions and compared else ()


def examples_to_keep(datasets: Datasets) -> tuple[Example, ...]:
    """Return some retain examples, evenly spread; neighbours come first in the set."""
    examples = datasets.retain.examples
    step = max(1, len(examples) // KEPT_EXAMPLES)
    return examples[::step][:KEPT_EXAMPLES]


def _mean_per_person(
    values: Sequence[float], refs_E: Sequence[str]
) -> dict[str, float]:
    by_person: dict[str, list[float]] = defaultdict(list)
    for value, ref in zip(values, refs_E, strict=True):
        by_person[ref].append(value)
    return {ref: fmean(own) for ref, own in by_person.items()}


def _mean_per_example(values_N: Tensor, counts_E: Tensor) -> Tensor:
    parts = torch.split(values_N, counts_E.tolist())
    return torch.stack([part.mean() for part in parts])


def _served(table: AnswerTable, small_NV: Tensor, *, alpha: float) -> Tensor:
    return compose_log_probs(table.base_NV, small_NV, table.reference_NV, alpha=alpha)
