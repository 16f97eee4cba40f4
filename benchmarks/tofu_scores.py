"""What one model says to the questions of one part, kept as JSON.

A cell holds scores, not metrics, so that formulas can be corrected without asking a
model again. Answers are cut after as many tokens as an option says.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter

from benchmarks.smollm2_models import encode
from benchmarks.tofu_questions import Question, Questions
from unlearn_core.domain.datasets import Entropy, Group
from unlearn_core.metrics.base import ProbeScore, Scores
from unlearn_core.modeling.generation import Sampling, generate
from unlearn_core.modeling.laws import NextTokenLaw
from unlearn_core.modeling.tokens import (
    TokenizedExample,
    TransformersTokenizer,
    in_chunks,
)
from unlearn_core.privacy import Personal
from unlearn_core.training.targets import answer_laws
from unlearn_core.verification.evidence import standardised
from unlearn_core.verification.judge import compressed_bytes
from unlearn_core.verification.rouge import rouge_of

TOKENS_AT_ONCE = 1536
ROWS_AT_ONCE = 64
ANSWERED = frozenset({"forget", "retain", "real_authors", "world_facts"})
FIELD = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The scores of one part.

    Attributes:
        true: Scores of the true answers; those of answered parts with ROUGE-L.
        paraphrased: Scores of their paraphrases, empty where there are none; the
            wrong answers stand with whichever was worded like them.
        answers: The greedy answers, empty if none was asked for.
    """

    true: Scores
    paraphrased: Scores = ()
    answers: tuple[str, ...] = ()


_CELL: TypeAdapter[Cell] = TypeAdapter(Cell)


def write_cell(path: Path, cell: Cell) -> None:
    """Write a cell so that it is there completely or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(asdict(cell)))
    part.replace(path)


def read_cell(path: Path) -> Cell:
    """Read what `write_cell` wrote."""
    return _CELL.validate_json(path.read_text())


@dataclass(frozen=True, slots=True, kw_only=True)
class Examiner:
    """Asks laws.

    Attributes:
        tokenizer: The tokenizer of all models.
        answer_tokens: Most tokens of a greedy answer.
    """

    tokenizer: TransformersTokenizer
    answer_tokens: int

    def examine(self, law: NextTokenLaw, part: str, questions: Questions) -> Cell:
        """Ask the questions of one part."""
        group = Group.CONTROL if part == "holdout" else Group.SUBJECT
        answers = self._answers(law, questions) if part in ANSWERED else ()
        wrong = self._wrong(law, questions)
        rephrased = [item for item in questions if item.paraphrase is not None]
        true = self._scores(
            law, [(item, item.answer) for item in questions], group, answers=answers
        )
        paraphrased = self._scores(
            law, [(item, item.paraphrase or "") for item in rephrased], group
        )
        return Cell(
            true=tuple(true) if rephrased else _with_wrong(true, wrong),
            paraphrased=_with_wrong(paraphrased, wrong),
            answers=answers,
        )

    def judge(
        self, law: NextTokenLaw, questions: Questions, answers: Sequence[str]
    ) -> Cell:
        """Score a model's answers, as if they were true, under another law."""
        pairs = list(zip(questions, answers, strict=True))
        return Cell(
            true=tuple(self._scores(law, pairs, Group.SUBJECT)), answers=tuple(answers)
        )

    def _scores(
        self,
        law: NextTokenLaw,
        pairs: Sequence[tuple[Question, str]],
        group: Group,
        *,
        answers: Sequence[str] = (),
    ) -> list[ProbeScore]:
        encoded = encode(self.tokenizer, [(item.text, text) for item, text in pairs])
        forced = _forced(law, encoded, pad_id=self.tokenizer.pad_id)
        scores = []
        for row, ((question, text), values) in enumerate(
            zip(pairs, forced, strict=True)
        ):
            fact = Personal(text)
            rouge = rouge_of(answers[row], fact) if answers else None
            scores.append(
                ProbeScore(
                    group=group,
                    ref=question.ref,
                    field=FIELD,
                    entropy=Entropy.GUESSABLE,
                    is_extracted=False,
                    draws=0,
                    leaks=0,
                    alternative_mean_log_probs=(),
                    shift=0.0,
                    compressed_bytes=compressed_bytes(fact),
                    rouge_l_recall=rouge.recall if rouge else None,
                    rouge_l_f1=rouge.f1 if rouge else None,
                    **values,
                )
            )
        return scores

    def _wrong(
        self, law: NextTokenLaw, questions: Questions
    ) -> Mapping[str, tuple[float, ...]]:
        """Return the mean log-probabilities of every question's wrong answers."""
        pairs = [(item.text, text) for item in questions for text in item.wrong]
        forced = iter(
            _forced(law, encode(self.tokenizer, pairs), pad_id=self.tokenizer.pad_id)
        )
        return {
            item.ref: tuple(next(forced)["mean_log_prob"] for _ in item.wrong)
            for item in questions
        }

    def _answers(self, law: NextTokenLaw, questions: Questions) -> tuple[str, ...]:
        ids = generate(
            law,
            [self.tokenizer.question(item.text) for item in questions],
            Sampling(maximum_tokens=self.answer_tokens),
            end_id=self.tokenizer.end_id,
            pad_id=self.tokenizer.pad_id,
            seed=0,
            rows_at_once=ROWS_AT_ONCE,
        )
        return tuple(self.tokenizer.decode(answer) for answer in ids)


def _with_wrong(
    scores: Sequence[ProbeScore], wrong: Mapping[str, tuple[float, ...]]
) -> Scores:
    return tuple(
        ProbeScore(**(asdict(score) | {"alternative_mean_log_probs": wrong[score.ref]}))
        for score in scores
    )


def _forced(
    law: NextTokenLaw, encoded: Sequence[TokenizedExample], *, pad_id: int
) -> list[dict[str, Any]]:
    """Score given answers token by token; rows of like length go together."""
    order = sorted(range(len(encoded)), key=lambda row: len(encoded[row]))
    found: dict[int, dict[str, Any]] = {}
    rows = iter(order)
    for chunk in in_chunks([encoded[row] for row in order], tokens=TOKENS_AT_ONCE):
        laws_NV = answer_laws(law, chunk, pad_id=pad_id)
        labels = [token for item in chunk for token in item.answer]
        labels_N = torch.tensor(labels, device=laws_NV.device)
        own_N = laws_NV.gather(-1, labels_N[:, None])[:, 0]
        counts = [len(item.answer) for item in chunk]
        pieces = (
            torch.split(values_N.cpu(), counts)
            for values_N in (
                own_N,
                standardised(laws_NV, own_N),
                laws_NV.argmax(-1) == labels_N,
            )
        )
        for own, z_scores, hits in zip(*pieces, strict=True):
            found[next(rows)] = {
                "mean_log_prob": float(own.mean()),
                "token_log_probs": tuple(own.tolist()),
                "token_z_scores": tuple(z_scores.tolist()),
                "argmax_hits": tuple(hits.tolist()),
            }
    return [found[row] for row in range(len(encoded))]
