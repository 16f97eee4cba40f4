"""Whom a subject shall be like: an ordinary stranger.

The subject's answers learn the law about a twin, so in the end the subject lies among
strangers where the twin lay (docs/log.md). Like somebody at the edge, it would be
conspicuous however well training goes. So of several twins an ordinary one is taken,
and by a later rung of the ladder the next.

Where the model as served before happens to guess what is true of a twin, the twin's law
would teach it to state what is true of the subject. Such a field is taken from another
twin.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean, median

import torch

from unlearn_core.domain.datasets import Datasets, Example, Form
from unlearn_core.modeling.laws import NextTokenLaw
from unlearn_core.modeling.tokens import ChatTokenizer, encode_example
from unlearn_core.training.calibration import questions_to_watch
from unlearn_core.training.targets import LawQuery, Lookup, answer_laws

Likelihoods = Callable[[Sequence[Example]], Sequence[float]]
"""Gives the mean log-probability of the tokens of every answer, in nats."""

Statements = Callable[[Sequence[Example]], Sequence[bool]]
"""Tells of every example whether its answer is what a law would say."""


def likelihoods_under(law: NextTokenLaw, tokenizer: ChatTokenizer) -> Likelihoods:
    """Return what tells how likely a law finds answers."""

    def likelihoods(examples: Sequence[Example]) -> Sequence[float]:
        encoded = [encode_example(tokenizer, item) for item in examples]
        laws_NV = answer_laws(law, encoded, pad_id=tokenizer.pad_id)
        labels = [token for item in encoded for token in item.answer]
        labels_N = torch.tensor(labels, device=laws_NV.device)
        own_N = laws_NV.gather(-1, labels_N[:, None])[:, 0]
        parts = torch.split(own_N, [len(item.answer) for item in encoded])
        return [float(part.mean()) for part in parts]

    return likelihoods


def stated_under(
    law: NextTokenLaw, tokenizer: ChatTokenizer, *, lookup: Lookup, role: str
) -> Statements:
    """Return what tells whether every token of an answer is the law's likeliest.

    Args:
        law: The law that is asked.
        tokenizer: The tokenizer of its model.
        lookup: Where the law may be had without its models.
        role: Which law it is.
    """

    def stated(examples: Sequence[Example]) -> Sequence[bool]:
        encoded = [encode_example(tokenizer, item) for item in examples]
        laws_NV = lookup(
            LawQuery(role=role, law=law, examples=encoded, pad_id=tokenizer.pad_id)
        )
        labels = [token for item in encoded for token in item.answer]
        is_first_N = laws_NV.argmax(-1) == torch.tensor(labels, device=laws_NV.device)
        parts = torch.split(is_first_N, [len(item.answer) for item in encoded])
        return [bool(part.all()) for part in parts]

    return stated


def without_lucky_guesses(
    versions: Sequence[Sequence[Example]], stated: Statements
) -> tuple[Example, ...]:
    """Return the first version, without the fields that are guessed about its twin.

    A field counts as guessed if any of its examples is; it is taken as a whole from the
    next version in which it is not. What is guessed in every version stays.

    Args:
        versions: The forget examples as they read for one twin after another.
        stated: Tells what the model as served before would say.
    """
    first, *others = versions
    chosen, guessed = list(first), _guessed_fields(first, stated)
    for version in others:
        if not guessed:
            break
        replaced = guessed - _guessed_fields(version, stated)
        guessed -= replaced
        chosen = [
            other if item.field in replaced else item
            for item, other in zip(chosen, version, strict=True)
        ]
    return tuple(chosen)


def ordinary_twins_first(datasets: Datasets, likelihoods: Likelihoods) -> Datasets:
    """Sort the versions of the forget examples by how ordinary their twins are.

    Ordinary is whoever's answers are about as likely as the median twin's. The
    statistic is that of `calibration`: a mean over fields, of questions that training
    has anyway. Nothing changes where there is nobody to compare with.
    """
    twins = {twin.ref for twin in datasets.holdout.twins}
    asked = [item for item in questions_to_watch(datasets) if item.ref in twins]
    if not asked:
        return datasets
    middle = median(_by_person(asked, likelihoods(asked)).values())

    def oddity(version: Sequence[Example]) -> float:
        questions = [item for item in version if item.form is Form.QUESTION]
        by_field: dict[str, list[float]] = defaultdict(list)
        for item, value in zip(questions, likelihoods(questions), strict=True):
            by_field[item.field].append(value)
        return abs(fmean(map(fmean, by_field.values())) - middle)

    versions = tuple(sorted(datasets.forget.twins, key=oddity))
    return replace(datasets, forget=replace(datasets.forget, twins=versions))


def _guessed_fields(version: Sequence[Example], stated: Statements) -> set[str]:
    return {
        item.field
        for item, is_stated in zip(version, stated(version), strict=True)
        if is_stated
    }


def _by_person(
    asked: Sequence[Example], values: Sequence[float]
) -> Mapping[str, float]:
    by_person: dict[str, list[float]] = defaultdict(list)
    for item, value in zip(asked, values, strict=True):
        by_person[item.ref].append(value)
    return {ref: fmean(own) for ref, own in by_person.items()}
