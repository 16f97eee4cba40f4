"""Whom a subject shall be like: an ordinary stranger.

The subject's answers learn the law about a twin, so in the end the subject lies among
strangers where the twin lay (docs/log.md). Like somebody at the edge, it would be
conspicuous however well training goes. So of several twins an ordinary one is taken,
and by a later rung of the ladder the next.
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
from unlearn_core.training.targets import answer_laws

Likelihoods = Callable[[Sequence[Example]], Sequence[float]]
"""Gives the mean log-probability of the tokens of every answer, in nats."""


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


def _by_person(
    asked: Sequence[Example], values: Sequence[float]
) -> Mapping[str, float]:
    by_person: dict[str, list[float]] = defaultdict(list)
    for item, value in zip(asked, values, strict=True):
        by_person[item.ref].append(value)
    return {ref: fmean(own) for ref, own in by_person.items()}
