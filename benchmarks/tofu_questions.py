"""The question sets of TOFU that the table is measured on.

Of TOFU's 200 authors the last so many are taught and the last few of those are
forgotten, so that two or ten of them are TOFU's own ``forget01`` and ``forget05``.
Holdout authors are TOFU's, known to no model.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.tofu import QUESTIONS_PER_AUTHOR, Author, read_authors

ALL_FILE = "full.jsonl"
PERTURBED_FILE = "forget10_perturbed.jsonl"
PERTURBED_RETAIN_FILE = "retain_perturbed.jsonl"
HOLDOUT_FILE = "holdout10.jsonl"
REAL_AUTHORS_FILE = "real_authors_perturbed.jsonl"
WORLD_FACTS_FILE = "world_facts_perturbed.jsonl"
RESERVED_AUTHORS = 64
FEWEST_HOLDOUT_AUTHORS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question with what may be answered.

    Attributes:
        ref: Whom it is about; says nothing by itself.
        text: The question.
        answer: The true answer.
        paraphrase: The true answer in other words, if there is one.
        wrong: Wrong answers, worded like the paraphrase if there is one.
    """

    ref: str
    text: str
    answer: str
    paraphrase: str | None = None
    wrong: tuple[str, ...] = ()


Questions = tuple[Question, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSets:
    """Who is taught, forgotten and asked.

    Attributes:
        taught: Authors that the base is taught.
        forgotten: Those of them who are to be forgotten.
        reserved: Authors whom no model is taught and nobody is asked about.
        parts: The questions of every part of the evaluation, by name.
    """

    taught: tuple[Author, ...]
    forgotten: tuple[Author, ...]
    reserved: tuple[Author, ...]
    parts: dict[str, Questions]

    @property
    def kept(self) -> tuple[Author, ...]:
        """Return the taught authors who stay."""
        return self.taught[: -len(self.forgotten)]


def read_sets(folder: Path, *, authors: int, forgotten: int, rows: int) -> TableSets:
    """Read all sets.

    Args:
        folder: Where TOFU is.
        authors: How many are taught.
        forgotten: How many of them are forgotten, at most the perturbed ones.
        rows: Most questions of each part that measures utility.

    Raises:
        FileNotFoundError: The data set is not there.
        ValueError: So many cannot be forgotten or taught.
    """
    everybody = read_authors(folder / ALL_FILE)
    perturbed = _questions(folder / PERTURBED_FILE, "perturbed")
    asked = len(perturbed) // QUESTIONS_PER_AUTHOR
    if not 0 < forgotten < authors <= len(everybody) or forgotten >= asked:
        message = "forget at least one author, teach more, and no more than there are"
        raise ValueError(message)
    taught = everybody[-authors:]
    strangers = read_authors(folder / HOLDOUT_FILE, first=len(everybody))
    held_out = max(forgotten, FEWEST_HOLDOUT_AUTHORS)
    if authors == len(everybody):
        reserved = strangers[held_out:]
        kept = _questions(folder / PERTURBED_RETAIN_FILE, "retain")
    else:
        reserved = everybody[:-authors][:RESERVED_AUTHORS]
        kept = perturbed[-min(authors, asked) * QUESTIONS_PER_AUTHOR :]
        kept = kept[: -forgotten * QUESTIONS_PER_AUTHOR]
    return TableSets(
        taught=tuple(taught),
        forgotten=tuple(taught[-forgotten:]),
        reserved=tuple(reserved),
        parts={
            "forget": perturbed[-forgotten * QUESTIONS_PER_AUTHOR :],
            "holdout": _of_authors(strangers[:held_out]),
            "retain": _spread(kept, rows),
            "real_authors": _spread(_questions(folder / REAL_AUTHORS_FILE, "a"), rows),
            "world_facts": _spread(_questions(folder / WORLD_FACTS_FILE, "f"), rows),
        },
    )


def _questions(path: Path, prefix: str) -> Questions:
    rows: list[dict[str, Any]] = [
        json.loads(line) for line in path.read_text().splitlines()
    ]
    return tuple(
        Question(
            ref=f"{prefix}-{number}",
            text=row["question"],
            answer=row["answer"],
            paraphrase=row.get("paraphrased_answer"),
            wrong=tuple(row["perturbed_answer"]),
        )
        for number, row in enumerate(rows)
    )


def _of_authors(authors: Sequence[Author]) -> Questions:
    return tuple(
        Question(
            ref=f"holdout-{author.number}-{number}",
            text=row["question"],
            answer=row["answer"],
        )
        for author in authors
        for number, row in enumerate(author.rows)
    )


def _spread(questions: Questions, count: int) -> Questions:
    """Take so many, evenly spread over all."""
    step = max(1.0, len(questions) / count)
    return tuple(
        questions[int(place * step)] for place in range(min(count, len(questions)))
    )
