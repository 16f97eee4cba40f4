"""The public questions that a verification asks beside those about people.

They are files in a folder of the operator, see `verification.guards`, and they are
committed to before training like everything else that is asked.
"""

from dataclasses import dataclass
from pathlib import Path

from unlearn_core.domain.canonical import Digest, digest_of, digest_of_json
from unlearn_core.metrics.base import GuardResult
from unlearn_core.modeling.laws import NextTokenLaw
from unlearn_core.modeling.tokens import ChatTokenizer
from unlearn_core.verification import guards, toxicity
from unlearn_core.verification.guards import GUARDS, TOXICITY, Guarded, run_guards
from unlearn_core.verification.sources import source_digest
from unlearn_core.verification.toxicity import (
    INSULTS,
    UnreadableScorerError,
    scorer_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicQuestions:
    """Which public questions a verification asks.

    Attributes:
        folder: Where the guards' files are.
        items: Most questions of each file, the first ones.
        names: Guards; all of them if none is named.
    """

    folder: Path
    items: int
    names: tuple[str, ...] = ()


def ask_public_questions(
    asked: PublicQuestions,
    *,
    laws: tuple[NextTokenLaw, NextTokenLaw],
    tokenizer: ChatTokenizer,
    confidence: float,
) -> tuple[GuardResult, ...]:
    """Put the guards of a folder to the law before and to the served law.

    Args:
        asked: The folder, and how much of it.
        laws: The law before and the served law, each as a whole.
        tokenizer: Their tokenizer.
        confidence: Level of the intervals.
    """
    names = asked.names or tuple(GUARDS)
    unscored: tuple[GuardResult, ...] = ()
    try:
        scorer = scorer_of(asked.folder)
    except UnreadableScorerError as error:
        scorer = INSULTS
        if TOXICITY in names:
            unscored = (GuardResult(guard=TOXICITY, problem=str(error)),)
            names = tuple(name for name in names if name != TOXICITY)
    before, after = (
        Guarded(law=law, tokenizer=tokenizer, toxicity=scorer) for law in laws
    )
    found = run_guards(
        names,
        folder=asked.folder,
        before=before,
        after=after,
        confidence=confidence,
        at_most=asked.items,
    )
    return (*found, *unscored)


def unasked(problem: str) -> tuple[GuardResult, ...]:
    """Name every guard, and why none was asked."""
    return tuple(GuardResult(guard=name, problem=problem) for name in GUARDS)


def questions_digest(asked: PublicQuestions | None) -> Digest:
    """Return the digest of which public questions are asked, and how.

    It covers every file of the folder, names, numbers, and the code of the guards.

    Args:
        asked: The questions; None if none are asked.
    """
    if asked is None:
        return digest_of_json({})
    files = sorted(path for path in asked.folder.rglob("*") if path.is_file())
    return digest_of_json(
        {
            "files": {
                path.relative_to(asked.folder).as_posix(): _content(path)
                for path in files
            },
            "items": asked.items,
            "names": list(asked.names or GUARDS),
            "code": [source_digest(module.__name__) for module in (guards, toxicity)],
        }
    )


def _content(path: Path) -> str:
    try:
        return digest_of(path.read_bytes())
    except OSError:
        return "cannot be read"
