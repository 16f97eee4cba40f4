"""Withholds answers that name somebody whose data is restricted (Art. 18 GDPR).

The guard reads question and answer together, as text, in every spelling by which the
sources are searched. It holds for a name, not for a person: it cannot tell namesakes
apart, and answers about them are withheld as well.

- What a question names is decided before anything is generated.
- Of an answer, text is released only when so much stands behind it that no name can
  begin in it and nothing close to a name has been said.
- The text that stands instead is the same for everybody.

Where nobody is restricted there is no guard, and nothing here is called.
"""

from collections.abc import Iterable, Sequence

from unlearn_core.domain.needles import Needles
from unlearn_core.domain.sources import Spelling
from unlearn_core.domain.subjects import DataSubject

REFUSAL = "I cannot say anything about this."
HELD_BACK = 500
"""Fewest signs that are held back: what is said of somebody stands near the name."""

LOOK_EVERY = 64
"""Signs that an answer grows by between two looks; they are held back anyway."""

_TOO_WEAK = frozenset({Spelling.INITIALS, Spelling.WORD})
"""Spellings that are likelier somebody else's, or an ordinary word."""


class Guard:
    """Recognises restricted people in texts.

    Args:
        people: Who they are; at least one.

    Attributes:
        longest: Signs of a text in which any of their identifiers fits.
        held_back: Signs at the end of a running text that may not be released.
    """

    def __init__(self, people: Sequence[DataSubject]) -> None:
        self._needles = Needles(people)
        self.longest = self._needles.longest
        self.held_back = max(HELD_BACK, self.longest + LOOK_EVERY)

    def names(self, text: str) -> bool:
        """Tell whether a text names one of them."""
        return any(how not in _TOO_WEAK for _, _, how in self._needles.in_text(text))

    def watch(self, question: str, *, is_chat: bool) -> "Watch":
        """Return what watches one answer to a question."""
        return Watch(self, question, separator="\n" if is_chat else "")


class Watch:
    """Looks at one answer while it grows.

    Args:
        guard: Recognises people.
        question: Everything that stands before the answer.
        separator: What stands between the two.

    Attributes:
        held_back: Signs at the end of a running text that may not be released.
    """

    def __init__(self, guard: Guard, question: str, *, separator: str) -> None:
        self._guard = guard
        self._question = question + separator
        self.held_back = guard.held_back
        self._looked = 0
        self.is_named_at_once = guard.names(question)

    def is_named(self, answer: str, *, is_last: bool) -> bool:
        """Tell whether question and answer so far name somebody.

        Args:
            answer: The answer so far.
            is_last: Whether nothing more will come; otherwise its last word may go on,
                and then the name would be somebody else's.
        """
        if len(answer) - self._looked < LOOK_EVERY and not is_last:
            return False
        text = self._question + answer
        if not is_last:
            text = _without_last_word(text)
        seen = len(text) - len(self._question)
        new, self._looked = seen - self._looked, seen
        return self._is_at_end_of(text, new)

    def would_be_named(self, answers: Iterable[str]) -> bool:
        """Tell whether an answer would name somebody that was likely, and is told."""
        return any(self._is_at_end_of(self._question + answer, 0) for answer in answers)

    def _is_at_end_of(self, text: str, new: int) -> bool:
        """Look at the end of a text, from the beginning of a word on.

        Args:
            text: The text.
            new: How many of its last signs were not looked at before.
        """
        seen = self._guard.longest + LOOK_EVERY  # a name may have begun before
        begin = text.rfind(" ", 0, max(0, len(text) - new - seen))
        return self._guard.names(text[begin + 1 :])


def _without_last_word(text: str) -> str:
    """Leave out the letters and digits that a text ends with.

    An expression would take time with the square of the longest word.
    """
    end = len(text)
    while end and text[end - 1].isalnum():
        end -= 1
    return text[:end]
