"""Decides whether a generated answer states a fact.

The rule is fixed and needs no model: after folding Unicode, letter case, white
space and punctuation at the edges, the fact must occur in the answer as a whole
word or words.
"""

import re
import unicodedata

from unlearn_core.privacy import Personal

_EDGES = " \t.,;:!?\"'"


def states(answer: str, fact: Personal[str]) -> bool:
    """Tell whether the answer states the fact."""
    return _states(_fold(answer), _fold(fact.reveal()))


def _states(answer: str, fact: str) -> bool:
    if not fact:
        return False
    return re.search(rf"(?<!\w){re.escape(fact)}(?!\w)", answer) is not None


def _fold(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.split()).strip(_EDGES)
