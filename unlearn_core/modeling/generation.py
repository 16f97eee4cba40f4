"""Decoding from any law of the next token, with prompts of different lengths.

Legend: B batch rows, T tokens, V vocabulary.

Prompts are padded on the left; masks and positions follow, so a padded row gives
the same law as the row alone. `Decoder` is one running batch; `generate` drives
it to the end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unlearn_core.modeling.laws import NextTokenLaw

Tick = Callable[[int], None]
"""Called with the number of answers that were finished since the last call."""

WORTH_COMPACTING = 0.75
"""Share of unfinished rows from which on the finished ones are dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next token is chosen.

    Attributes:
        maximum_tokens: Most tokens to generate.
        temperature: 0 takes the most likely token; 1 samples from the law itself.
        top_p: Sample from the smallest set of tokens with this total probability.
    """

    maximum_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0


class Decoder:
    """A batch of prompts being continued token by token.

    Args:
        law: Where log-probabilities come from.
        prompts: Token ids, one non-empty sequence per row.
        pad_id: Id that fills up short prompts.

    Attributes:
        log_probs_BV: The law of each row's next token.
    """

    def __init__(
        self, law: NextTokenLaw, prompts: Sequence[Sequence[int]], *, pad_id: int
    ) -> None:
        self._law = law
        self._caches = law.new_caches()
        longest = max(len(prompt) for prompt in prompts)
        rows = [[pad_id] * (longest - len(row)) + list(row) for row in prompts]
        mask = [[0] * (longest - len(row)) + [1] * len(row) for row in prompts]
        self._mask_BS = torch.tensor(mask, device=law.device)
        self._lengths_B = self._mask_BS.sum(dim=1)
        positions_BT = (self._mask_BS.cumsum(dim=1) - 1).clamp(min=0)
        self.log_probs_BV = self._forward(
            torch.tensor(rows, device=law.device), positions_BT
        )

    def repeat(self, times: int) -> None:
        """Turn every row into several equal ones; the prompt is computed once."""
        for cache in self._caches:
            cache.batch_repeat_interleave(times)
        self._mask_BS = self._mask_BS.repeat_interleave(times, dim=0)
        self._lengths_B = self._lengths_B.repeat_interleave(times)
        self.log_probs_BV = self.log_probs_BV.repeat_interleave(times, dim=0)

    def keep(self, rows_B: Tensor) -> None:
        """Go on with some rows only; the others' caches are freed."""
        for cache in self._caches:
            cache.batch_select_indices(rows_B)
        self._mask_BS = self._mask_BS[rows_B]
        self._lengths_B = self._lengths_B[rows_B]
        self.log_probs_BV = self.log_probs_BV[rows_B]

    def advance(self, tokens_B: Tensor) -> None:
        """Append one token to every row and compute the law after it."""
        ones_B1 = torch.ones_like(self._mask_BS[:, :1])
        self._mask_BS = torch.cat([self._mask_BS, ones_B1], dim=1)
        positions_BT = self._lengths_B[:, None]
        self._lengths_B = self._lengths_B + 1
        self.log_probs_BV = self._forward(tokens_B[:, None], positions_BT)

    def _forward(self, input_ids_BT: Tensor, positions_BT: Tensor) -> Tensor:
        with torch.inference_mode():
            return self._law(
                input_ids_BT,
                attention_mask_BS=self._mask_BS,
                position_ids_BT=positions_BT,
                caches=self._caches,
                first=-1,
            )[:, -1]


def choose_tokens(
    log_probs_BV: Tensor, sampling: Sampling, *, generator: torch.Generator
) -> Tensor:
    """Choose the next token of every row, ``[B]``."""
    if sampling.temperature == 0:
        return log_probs_BV.argmax(dim=-1)
    probs_BV = sampling_probs(log_probs_BV, sampling)
    return torch.multinomial(probs_BV, 1, generator=generator)[:, 0]


def sampling_probs(scores_BV: Tensor, sampling: Sampling) -> Tensor:
    """Return what is drawn from, ``[B, V]``; a row need not add up to one.

    Args:
        scores_BV: Log-probabilities, or logits.
        sampling: How tokens are chosen, with a temperature above 0.
    """
    probs_BV = torch.softmax(scores_BV / sampling.temperature, dim=-1)
    if sampling.top_p < 1:
        ordered_BV, order_BV = probs_BV.sort(dim=-1, descending=True)
        before_BV = ordered_BV.cumsum(dim=-1) - ordered_BV
        ordered_BV = ordered_BV.masked_fill(before_BV >= sampling.top_p, 0.0)
        probs_BV = torch.zeros_like(probs_BV).scatter(-1, order_BV, ordered_BV)
    return probs_BV


def generate(
    law: NextTokenLaw,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    *,
    end_id: int,
    pad_id: int,
    seed: int,
    samples: int = 1,
    rows_at_once: int = 256,
) -> list[list[int]]:
    """Continue prompts.

    Args:
        law: Where log-probabilities come from.
        prompts: Token ids, one sequence per prompt.
        sampling: How tokens are chosen.
        end_id: The id that ends an answer; it is not returned.
        pad_id: Id that fills up short prompts.
        seed: Seed of the random choices.
        samples: Continuations per prompt.
        rows_at_once: Most rows in one batch.

    Returns:
        Token ids; the ``samples`` continuations of a prompt stand together.
    """
    generator = torch.Generator(device=law.device).manual_seed(seed)
    per_chunk = max(1, rows_at_once // samples)
    answers: list[list[int]] = []
    for start in range(0, len(prompts), per_chunk):
        decoder = Decoder(law, prompts[start : start + per_chunk], pad_id=pad_id)
        if samples > 1:
            decoder.repeat(samples)
        answers += _continue(decoder, sampling, end_id=end_id, generator=generator)
    return answers


def _continue(
    decoder: Decoder, sampling: Sampling, *, end_id: int, generator: torch.Generator
) -> list[list[int]]:
    answers: list[list[int]] = [[] for _ in decoder.log_probs_BV]
    rows, ended = list(range(len(answers))), set[int]()
    for remaining in reversed(range(sampling.maximum_tokens)):
        tokens_B = choose_tokens(decoder.log_probs_BV, sampling, generator=generator)
        for row, token in zip(rows, tokens_B.tolist(), strict=True):
            if token == end_id:
                ended.add(row)
            elif row not in ended:
                answers[row].append(token)
        going = [place for place, row in enumerate(rows) if row not in ended]
        if not going or not remaining:
            break
        if len(going) <= WORTH_COMPACTING * len(rows):
            places_B = torch.tensor(going, device=tokens_B.device)
            decoder.keep(places_B)
            tokens_B, rows = tokens_B[places_B], [rows[place] for place in going]
        decoder.advance(tokens_B)
    return answers
