"""Thinks of suffixes: tokens after the question, replaced one at a time.

Legend: B batch rows, T tokens, V vocabulary, K likeliest tokens.

- *With gradients*, where every model is open: for each place the tokens that would
  lower the loss most, to first order; a step tries some of them, drawn at random. This
  is greedy coordinate gradient, as in Zou et al. 2023, arXiv:2307.15043, but
  that a worse suffix never replaces a better one, because budgets here are small.
- *Without*, where only log-probabilities are given: the same with tokens drawn from
  the whole vocabulary (random search, as in Andriushchenko et al. 2024,
  arXiv:2404.02151).

A suffix is kept as text. Tokens that do not survive being written down and cut again
are thereby never relied on.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from unlearn_core.domain.verdicts import SearchBudget
from unlearn_core.modeling.laws import NextTokenLaw
from unlearn_core.modeling.token_gradients import open_parts, token_gradients
from unlearn_core.modeling.tokens import (
    ChatTokenizer,
    TokenizedExample,
    collate,
    in_chunks,
)
from unlearn_core.verification.hunts import Hunt, Target
from unlearn_core.verification.judge import states

GRADIENT_PASSES = 3
"""What a gradient costs: a forward pass, and a backward one of about two."""

ATTEMPTS = 20
"""How often a text is drawn anew before one less is tried."""

GROWING = 0.25
"""How often a suffix that may be longer gets a token more."""

_UNKNOWN = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the suffix stands among the tokens of a prompt."""

    ids: list[int]
    begin: int
    end: int


class Suffixes:
    """Replaces one token of a suffix at a time.

    Args:
        law: What is searched.
        tokenizer: Its tokenizer.
        budget: Length of suffixes, and how many tokens are considered per place.
    """

    def __init__(
        self, law: NextTokenLaw, tokenizer: ChatTokenizer, *, budget: SearchBudget
    ) -> None:
        self._law = law
        self._tokens = tokenizer
        self._budget = budget
        self._is_open = bool(open_parts(law))
        self._cut: dict[str, list[int]] = {}

    @property
    def name(self) -> str:
        """Return which of the two ways it is."""
        return "suffix_gradient" if self._is_open else "suffix_coordinate"

    @property
    def overhead(self) -> int:
        """Return what a gradient costs, in passes."""
        return GRADIENT_PASSES if self._is_open else 0

    def propose(self, hunts: Sequence[Hunt], count: int) -> list[list[str]]:
        """Return texts with one token of the best suffix replaced.

        A hunt that has none yet gets suffixes drawn at random.
        """
        places = [self._place(one.target, _suffixed(one)) for one in hunts]
        favoured = self._favoured(hunts, places) if self._is_open else None
        return [
            self._texts(one, place, count, favoured=favoured[row] if favoured else None)
            for row, (one, place) in enumerate(zip(hunts, places, strict=True))
        ]

    def _place(self, target: Target, text: str) -> _Place:
        """Find the suffix: what is neither the question's nor the template's."""
        plain, ids = self._plain(target.question), self._tokens.question(text)
        tail = _alike(self._plain("")[::-1], plain[::-1])
        begin = min(_alike(plain, ids), len(ids) - tail)
        return _Place(ids, begin, len(ids) - tail)

    def _plain(self, question: str) -> list[int]:
        """Return the tokens of a question that is asked for again and again."""
        if question not in self._cut:
            self._cut[question] = self._tokens.question(question)
        return self._cut[question]

    def _texts(
        self,
        one: Hunt,
        place: _Place,
        count: int,
        *,
        favoured: Sequence[Sequence[int]] | None,
    ) -> list[str]:
        """Draw different texts that are allowed."""
        banned = self._banned(one.target.answer)
        texts: dict[str, None] = {}
        for _ in range(ATTEMPTS * count):
            if len(texts) == count:
                break
            suffix = self._changed(one.rng, place, favoured=favoured)
            text = f"{one.target.question} {self._tokens.decode(suffix).strip()}"
            if self._is_allowed(one.target, text, banned=banned):
                texts.setdefault(text)
        return list(texts)

    def _changed(
        self,
        rng: random.Random,
        place: _Place,
        *,
        favoured: Sequence[Sequence[int]] | None,
    ) -> list[int]:
        suffix = place.ids[place.begin : place.end]
        longest = self._budget.suffix_tokens
        if not suffix:
            return rng.choices(
                self._alphabet, k=rng.randint((longest + 1) // 2, longest)
            )
        if len(suffix) < longest and rng.random() < GROWING:
            return [*suffix, rng.choice(self._alphabet)]
        at = rng.randrange(len(suffix))
        tokens = favoured[place.begin + at] if favoured else self._alphabet
        suffix[at] = rng.choice(tokens)
        return suffix

    def _is_allowed(self, target: Target, text: str, *, banned: frozenset[int]) -> bool:
        """Refuse what states the fact, repeats its tokens, or grew when cut anew."""
        place = self._place(target, text)
        suffix = place.ids[place.begin : place.end]
        return (
            0 < len(suffix) <= self._budget.suffix_tokens
            and banned.isdisjoint(suffix)
            and not states(text.removeprefix(target.question), target.fact)
            and len(place.ids) + len(target.answer) <= self._law.maximum_tokens
        )

    def _banned(self, answer: Sequence[int]) -> frozenset[int]:
        """Return the tokens of an answer that say something."""
        return frozenset(
            token
            for token in answer
            if any(letter.isalnum() for letter in self._tokens.decode([token]))
        )

    @cached_property
    def _alphabet(self) -> list[int]:
        """Return the tokens that are text by themselves."""
        one = torch.tensor([[self._tokens.end_id]], device=self._law.device)
        with torch.inference_mode():
            size = self._law(one, attention_mask_BS=torch.ones_like(one)).shape[-1]
        texts = [self._tokens.decode([token]) for token in range(size)]
        return [
            token
            for token, text in enumerate(texts)
            if text.strip() and _UNKNOWN not in text
        ]

    def _favoured(
        self, hunts: Sequence[Hunt], places: Sequence[_Place]
    ) -> list[list[list[int]]]:
        """Return for every hunt and place the tokens that would help most."""
        rows = [
            TokenizedExample(prompt=tuple(place.ids), answer=one.target.answer)
            for one, place in zip(hunts, places, strict=True)
        ]
        allowed = torch.tensor(self._alphabet, device=self._law.device)
        count = min(self._budget.likeliest, len(allowed))
        found: list[list[list[int]]] = []
        for chunk in in_chunks(rows):
            batch = collate(
                chunk,
                pad_id=self._tokens.pad_id,
                maximum_tokens=self._law.maximum_tokens,
            ).to(self._law.device)
            gradients_BTV: Tensor = token_gradients(self._law, batch)[..., allowed]
            best_BTK = gradients_BTV.topk(count, dim=-1, largest=False).indices
            found += allowed[best_BTK].tolist()
        return found


def _suffixed(one: Hunt) -> str:
    """Return the best text that has a suffix; the question as long as none has."""
    question = one.target.question
    return next((text for _, text in one.best if text != question), question)


def _alike(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many tokens two sequences begin with together."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count
