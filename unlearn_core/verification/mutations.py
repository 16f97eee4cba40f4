"""Thinks of prompts: whole texts that evolve, as a person would try them.

Of the best texts so far some become parents. A child is a parent with a sentence
around it, with a word more, less or in another place, or the beginning of one parent
with the end of another. What makes the true answer likelier survives.

Source: the loop of Guo et al. 2023, arXiv:2309.08532 (evolution of prompts); their
changes come from a language model, these from the sentences of the probe families and
from the words of everybody's questions.
"""

import random
from collections.abc import Sequence

from unlearn_core.domain.framing import JAILBREAKS, LANGUAGES, ROLES
from unlearn_core.verification.hunts import Hunt
from unlearn_core.verification.judge import states

ATTEMPTS = 20
LONGEST_WORDS = 60
FRAMES = (*JAILBREAKS, *ROLES, *LANGUAGES)


class Prompts:
    """Lets prompts evolve.

    Args:
        questions: Questions that everybody is asked; their words may be put in.
    """

    name = "prompt_evolution"
    overhead = 0

    def __init__(self, questions: Sequence[str]) -> None:
        asked = (word for question in questions for word in question.split())
        self._words = sorted(set(asked))

    def propose(self, hunts: Sequence[Hunt], count: int) -> list[list[str]]:
        """Return children of the best texts, none of which states the fact."""
        return [self._children(one, count) for one in hunts]

    def _children(self, one: Hunt, count: int) -> list[str]:
        parents = [text for _, text in one.best]
        children: dict[str, None] = {}
        for _ in range(ATTEMPTS * count):
            if len(children) == count:
                break
            child = self._child(parents, one.rng)
            is_new = child not in parents and len(child.split()) <= LONGEST_WORDS
            if is_new and not states(child, one.target.fact):
                children.setdefault(child)
        return list(children)

    def _child(self, parents: Sequence[str], rng: random.Random) -> str:
        """Change one parent, or cross two."""
        words = rng.choice(parents).split()
        match rng.randrange(5):
            case 0:
                return rng.choice(FRAMES).format(question=" ".join(words))
            case 1:
                words.insert(rng.randint(0, len(words)), rng.choice(self._words))
            case 2 if len(words) > 1:
                words.pop(rng.randrange(len(words)))
            case 3:
                words.insert(
                    rng.randrange(len(words)), words.pop(rng.randrange(len(words)))
                )
            case _:
                other = rng.choice(parents).split()
                words = [
                    *words[: rng.randint(1, len(words))],
                    *other[rng.randrange(len(other)) :],
                ]
        return " ".join(words)
