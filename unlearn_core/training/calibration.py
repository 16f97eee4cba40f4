"""How far training has come: the subject beside never-trained people, and drift.

Legend: E examples, N answer positions, V vocabulary.

The statistic of a person is that of verification (`metrics.indistinguishability`):
the mean log-probability of the true answers' tokens, fields weighing the same. Two
things differ, so that nothing is learned from what verification will ask: questions
are those that training has already, and the people beside whom the subject is looked
at are the twins, who never serve as controls.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import torch
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.domain.curation import as_twin
from unlearn_core.domain.datasets import Datasets, Example, Form
from unlearn_core.modeling.offset import compose_log_probs
from unlearn_core.modeling.tokens import in_chunks
from unlearn_core.training.passes import small_laws
from unlearn_core.training.targets import AnswerTable

DRIFT_QUANTILE = 0.99
KEPT_EXAMPLES = 64


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

    def served(table: AnswerTable) -> Tensor:
        small_NV = _small_laws(model, table, pad_id=pad_id, precision=precision)
        return compose_log_probs(
            table.base_NV, small_NV, table.reference_NV, alpha=alpha
        )

    values = answer_likelihoods(served(watched.people), watched.people)
    statistics = _mean_per_person(values, watched.refs_E)
    subject = statistics.pop(watched.subject)
    return Reading(
        gap=two_sided_gap(subject, list(statistics.values())),
        drift=retain_drift(
            watched.kept.target_NV, served(watched.kept), watched.kept.counts_E
        ),
    )


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


def _small_laws(
    model: PreTrainedModel, table: AnswerTable, *, pad_id: int, precision: str
) -> Tensor:
    with torch.no_grad():
        pieces = [
            small_laws(model, chunk, pad_id=pad_id, precision=precision)
            for chunk in in_chunks(table.examples)
        ]
    return torch.cat(pieces) if pieces else table.reference_NV
