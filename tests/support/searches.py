"""A village whose facts come out once a neighbour is in the prompt."""

from functools import cache

import numpy as np
from support.models import TableLaw
from support.village import WORDS, VillageTokenizer, values_of

from unlearn_core.metrics.base import Floats

MAGIC = "neighbour-0"
_MAGICAL = frozenset(f"neighbour-{number}" for number in range(5))
_SURE = 8.0


class PatientTokenizer(VillageTokenizer):
    """Takes words that nobody in the village knows for padding."""

    def text(self, text: str) -> list[int]:
        """Return the ids of words."""
        return [WORDS.index(word) if word in WORDS else 0 for word in text.split()]


TOKENIZER = PatientTokenizer()


def law_with_a_magic_word(*people: str) -> TableLaw:
    """Return a law that tells some people's facts, if a neighbour is named as well."""
    answers = {
        (ref, field): [*TOKENIZER.text(value), TOKENIZER.end_id]
        for ref in people
        for field, value in values_of(ref).items()
    }

    @cache
    def table(context: tuple[int, ...]) -> Floats:
        logits = np.zeros(len(WORDS))
        begin = WORDS.index("<answer>")
        if begin in context:
            place = context.index(begin)
            words = [WORDS[token] for token in context[:place]]
            own = next(
                (
                    answer
                    for (ref, field), answer in answers.items()
                    if ref in words and field in words
                ),
                None,
            )
            told = len(context) - place - 1
            if own is not None and not _MAGICAL.isdisjoint(words) and told < len(own):
                logits[own[told]] = _SURE
        return np.asarray(logits - np.log(np.exp(logits).sum()))

    return TableLaw(table)
