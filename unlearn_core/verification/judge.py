"""Decides whether a generated answer states a fact.

The rule is fixed and needs no model: after folding Unicode and letter case, the
letters and digits of the fact must occur in the answer in their order, as a whole
word or words, with nothing but white space and punctuation between them. So a
telephone number is recognised however its digits are grouped.
"""

import re
import unicodedata

from unlearn_core.privacy import Personal


def states(answer: str, fact: Personal[str]) -> bool:
    """Tell whether the answer states the fact."""
    return _states(_fold(answer), _fold(fact.reveal()))


def _states(answer: str, fact: str) -> bool:
    characters = re.findall(r"\w", fact)
    pattern = r"(?<!\w)" + r"\W*".join(characters) + r"(?!\w)"
    return bool(characters) and re.search(pattern, answer) is not None


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
