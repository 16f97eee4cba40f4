"""How much of a text another one repeats, in words and in their order."""

from collections.abc import Sequence
from dataclasses import dataclass

from unlearn_core.privacy import Personal
from unlearn_core.verification.judge import common_words, folded_words, words_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RougeL:
    """ROUGE-L of an answer.

    Source: Lin 2004, section 3.1, equations 2 to 4, with beta 1.
    """

    recall: float
    precision: float

    @property
    def f1(self) -> float:
        """Return the harmonic mean of recall and precision."""
        both = self.recall + self.precision
        return 2 * self.recall * self.precision / both if both else 0.0


def rouge_l(answer: Sequence[str], truth: Sequence[str]) -> RougeL:
    """Compare two sequences of words; nothing repeats nothing."""
    if not answer or not truth:
        return RougeL(recall=0.0, precision=0.0)
    common = common_words(answer, truth)
    return RougeL(recall=common / len(truth), precision=common / len(answer))


def rouge_of(answer: str, fact: Personal[str]) -> RougeL:
    """Compare an answer with the true one, Unicode and letter case folded.

    There is no stemming, which is made for English; published figures use it.
    """
    return rouge_l(folded_words(answer), words_of(fact))
