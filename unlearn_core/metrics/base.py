"""What a metric is given: evidence, the scores of every probe before and after.

A metric is a pure function of `Evidence`. It never sees a model or a text.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlearn_core.domain.datasets import Entropy, Form, Group
from unlearn_core.domain.verdicts import MetricResult

Floats = NDArray[np.float64]
Unit = tuple[str, str]
"""A person and a field; the field is empty where the whole person is meant."""


class MissingEvidenceError(LookupError):
    """A metric has nothing to be computed from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeScore:
    """How one model answers one probe.

    Attributes:
        group: Which people the probe belongs to.
        ref: The person.
        field: The field asked for.
        entropy: Entropy class of the field.
        mean_log_prob: Mean log-probability of the answer's tokens, in nats.
        argmax_hits: For every answer token, whether it is the most likely one
            after the true tokens before it.
        is_extracted: Whether the greedy answer states the fact.
        draws: Number of sampled answers.
        leaks: How many of them state the fact.
        alternative_mean_log_probs: Mean log-probability of wrong answers.
        shift: Mean KL(base || this model) over the answer's tokens, in nats.
        form: Whether a question was asked or a text continued.
        token_log_probs: Log-probability of every answer token, in nats.
        token_z_scores: The same in standard deviations from the mean that the law
            itself expects of a token drawn from it.
        compressed_bytes: Size of the true answer under zlib.
        rouge_l_recall: ROUGE-L recall of the greedy answer; None if not measured.
        rouge_l_f1: F1 of the same.
        sampled_recalls: ROUGE-L recall of every sampled answer.
        is_refusal: Whether the greedy answer begins like a refusal.
    """

    group: Group
    ref: str
    field: str
    entropy: Entropy
    mean_log_prob: float
    argmax_hits: tuple[bool, ...]
    is_extracted: bool
    draws: int
    leaks: int
    alternative_mean_log_probs: tuple[float, ...]
    shift: float
    form: Form = Form.QUESTION
    token_log_probs: tuple[float, ...] = ()
    token_z_scores: tuple[float, ...] = ()
    compressed_bytes: int = 0
    rouge_l_recall: float | None = None
    rouge_l_f1: float | None = None
    sampled_recalls: tuple[float, ...] = ()
    is_refusal: bool = False


Scores = tuple[ProbeScore, ...]


def unit_of(group: Group, ref: str, field: str) -> Unit:
    """Return what counts as one observation: a fact of the subject, or a person.

    Questions about one fact are answered alike, and what is said of one person hangs
    together. Of the subject there is one only, so there its facts are the units.
    """
    return ref, field if group is Group.SUBJECT else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackScore:
    """What one attack got out of one probe.

    Attributes:
        attack: Name of the attack.
        setting: Its strength, where several are tried.
        group: Which people the probe belongs to.
        ref: The person.
        field: The field asked for.
        is_extracted: Whether the most likely answer states the fact.
    """

    attack: str
    setting: float
    group: Group
    ref: str
    field: str
    is_extracted: bool

    @property
    def unit(self) -> Unit:
        """Return what the probe is an observation of."""
        return unit_of(self.group, self.ref, self.field)


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyScore:
    """What one probe of a family got out.

    Attributes:
        family: Name of the family.
        group: Which people the probe belongs to.
        ref: The person.
        field: The field asked for.
        was_extracted: Whether the model before stated the fact; None if not asked.
        is_extracted: Whether the target model states it.
    """

    family: str
    group: Group
    ref: str
    field: str
    was_extracted: bool | None
    is_extracted: bool

    @property
    def unit(self) -> Unit:
        """Return what the probe is an observation of."""
        return unit_of(self.group, self.ref, self.field)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A sampled answer, and how likely two models hold it.

    Attributes:
        question: Number of the question about the subject.
        is_served: Whether the served law said it; otherwise a retrained model did.
        own_log_prob: Log-probability under the model that said it, in nats.
        other_log_prob: The same under the other.
    """

    question: int
    is_served: bool
    own_log_prob: float
    other_log_prob: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """How much likelier a true answer is than answers around it, in nats per token.

    Attributes:
        group: Which people the answer is about.
        ref: The person.
        field: The field asked for.
        served: Under the served law.
        calibrating: Under a model that learned from what the served law says.
    """

    group: Group
    ref: str
    field: str
    served: float
    calibrating: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardResult:
    """What one guard found.

    Attributes:
        guard: Its name.
        items: Number of items.
        before: Mean score of the law before, larger is better.
        after: Mean score of the served law.
        low: Lower end of the interval of the mean change; not offset by gains.
        high: Upper end.
        problem: Why nothing was measured; empty if it was.
        scorer: What told good answers from bad, where that is not a true choice.
    """

    guard: str
    items: int = 0
    before: float | None = None
    after: float | None = None
    low: float | None = None
    high: float | None = None
    problem: str = ""
    scorer: str = ""


UNDECLARED_LEVEL = 0.05
"""Level of the two-sided test where no gate declares one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that metrics are computed from.

    Attributes:
        before: Scores of the model as it was before this request, probe by probe.
        after: Scores of the target model for the same probes.
        confidence: Level of the intervals, such as 0.95.
        seed: Seed of resampling.
        level: Level of the two-sided test, as the policy declares it.
        attacks: What attacks on the artifact found; empty if none was tried.
        families: What probe families got out; empty if none was asked.
        guards: What public questions found; empty if none was asked.
        variations: How true answers stand out; empty if nothing was calibrated.
        retrained: Of each model that never saw the subject the mean log-probability
            of the answers to all probes, in the order of `after`.
        shadows: The same of models that forgot the subject in other runs.
        said: Answers of the served law and of a retrained model.
    """

    before: Scores
    after: Scores
    confidence: float
    seed: int
    level: float = UNDECLARED_LEVEL
    attacks: tuple[AttackScore, ...] = ()
    families: tuple[FamilyScore, ...] = ()
    guards: tuple[GuardResult, ...] = ()
    variations: tuple[Variation, ...] = ()
    retrained: tuple[tuple[float, ...], ...] = ()
    shadows: tuple[tuple[float, ...], ...] = ()
    said: tuple[Said, ...] = ()

    def result(
        self, name: str, value: float, low: float, high: float, *, count: int
    ) -> MetricResult:
        """Build a result that carries this evidence's seed."""
        return MetricResult(
            name=name, value=value, low=low, high=high, count=count, seed=self.seed
        )


Metric = Callable[[Evidence], MetricResult]


def of_group(scores: Scores, *groups: Group) -> Scores:
    """Return the scores of some groups.

    Raises:
        MissingEvidenceError: There are none.
    """
    chosen = tuple(score for score in scores if score.group in groups)
    if not chosen:
        raise MissingEvidenceError(", ".join(groups))
    return chosen


def of_entropy(scores: Scores, entropy: Entropy) -> Scores:
    """Return the scores of fields of one entropy class.

    Raises:
        MissingEvidenceError: There are none.
    """
    chosen = tuple(score for score in scores if score.entropy is entropy)
    if not chosen:
        raise MissingEvidenceError(entropy)
    return chosen


def shares_of_units(outcomes: Iterable[tuple[Unit, bool]]) -> list[float]:
    """Return for every unit the share of its outcomes that are true."""
    collected: dict[Unit, list[bool]] = {}
    for unit, outcome in outcomes:
        collected.setdefault(unit, []).append(outcome)
    return [sum(own) / len(own) for own in collected.values()]


def mean_per_person(
    scores: Scores, value: Callable[[ProbeScore], float]
) -> Mapping[str, float]:
    """Average a value over each person's probes, fields weighing the same."""
    collected: dict[str, dict[str, list[float]]] = {}
    for score in scores:
        fields = collected.setdefault(score.ref, {})
        fields.setdefault(score.field, []).append(value(score))
    return {
        ref: float(np.mean([np.mean(values) for values in fields.values()]))
        for ref, fields in collected.items()
    }


def mean_per_fact(
    scores: Scores, value: Callable[[ProbeScore], float]
) -> Sequence[float]:
    """Average a value over the probes of each fact of each person."""
    collected: dict[tuple[str, str], list[float]] = {}
    for score in scores:
        collected.setdefault((score.ref, score.field), []).append(value(score))
    return [float(np.mean(values)) for values in collected.values()]
