"""One running batch: the jobs of a version that are decoded together.

Legend: B batch rows, T tokens, V vocabulary.

Every row has a token that was chosen and handed out, and that the models have not seen
yet. A step lets them see it and chooses the next one. A speculative step does the same
for several tokens at once: the pair proposes, the served law decides, and what it would
not have chosen is taken back.

Random numbers belong to places in an answer: the same ones choose the proposal and the
served token. So a speculative answer is the same as the plain one, sampled or not, and
how a step is made is nobody's business but the clock's.
"""

import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import torch
from torch import Tensor

from unlearn_core.modeling.generation import sampling_probs
from unlearn_core.modeling.rows import ServableLaw
from unlearn_core.serving.jobs import Event, FinishReason, Job, Token
from unlearn_core.serving.pace import Pace, Speculation

PROPOSED_TOKENS = 4
SHORTEST_SHARED = 16
"""Common beginning from which on it is copied instead of computed, in tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How steps are made; no answer depends on it.

    Attributes:
        speculation: Whether the pair proposes tokens.
        proposed_tokens: How many at a time.
        shares_prefixes: Whether a prompt takes over what a running answer of somebody
            else has computed for the same beginning. That is faster, and how long it
            takes then tells that somebody asks something alike.
        pace: What is known about which kind of step is faster.
    """

    speculation: Speculation = Speculation.AUTO
    proposed_tokens: int = PROPOSED_TOKENS
    shares_prefixes: bool = False
    pace: Pace = field(default_factory=Pace)


class _Row:
    """One job with its answer so far.

    Attributes:
        job: What was asked.
        ids: Prompt and answer.
        ended: Whether the answer is complete.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.ids = list(job.prompt)
        self.ended = False
        self._generator = torch.Generator(device=job.law.device).manual_seed(job.seed)
        self._noises: deque[Tensor] = deque()

    @property
    def remaining(self) -> int:
        """Return how many tokens may still be generated."""
        made = len(self.ids) - len(self.job.prompt)
        return self.job.sampling.maximum_tokens - made

    def choose(self, scores_V: Tensor, *, ahead: int = 0) -> int | None:
        """Choose a token some places ahead; None if the sampling cannot be done.

        Args:
            scores_V: Log-probabilities, or logits.
            ahead: Places between the next token and this one.
        """
        job = self.job
        biased_V = _biased(scores_V, job.bias)
        if job.sampling.temperature == 0:
            return int(biased_V.argmax())
        probs_V = sampling_probs(biased_V[None], job.sampling)[0]
        # One draw of a multinomial, as torch does it: q = p / Exp(1), the largest wins.
        ratio_V = probs_V / self._noise(ahead, probs_V)
        if not float(probs_V.sum()) > 0:  # NaN included
            return None
        return int(ratio_V.argmax())

    def take(self, token: int) -> None:
        """Append a token; the random numbers of its place are used up."""
        self.ids.append(token)
        if self._noises:
            self._noises.popleft()

    def _noise(self, ahead: int, like_V: Tensor) -> Tensor:
        while len(self._noises) <= ahead:
            noise_V = torch.empty_like(like_V).exponential_(generator=self._generator)
            self._noises.append(noise_V)
        return self._noises[ahead]


class RunningBatch:
    """Jobs of one law, decoded together.

    Args:
        law: The law.
        decoding: How steps are made.
    """

    def __init__(self, law: ServableLaw, decoding: Decoding) -> None:
        self.law = law
        self._decoding = decoding
        self._models = law.rows()
        self._rows: list[_Row] = []

    def __len__(self) -> int:
        return len(self._rows)

    def abandon(self) -> list[Job]:
        """Drop all rows and return the jobs of those that have not ended."""
        jobs = [row.job for row in self._rows if not row.ended]
        self._rows = []
        return jobs

    def admit(self, jobs: Sequence[Job]) -> None:
        """Prefill prompts, equal ones once, and hand out their first tokens.

        Prompts that cannot be prefilled leave the running rows as they are.
        """
        unique: dict[tuple[int, ...], list[Job]] = {}
        for job in jobs:
            unique.setdefault(tuple(job.prompt), []).append(job)
        groups, first = list(unique.values()), len(self._rows)
        try:
            laws_BV = self._prefilled(list(unique), list(map(len, groups)))
        except Exception:
            self._models.cut(first)
            raise
        rest = [job for group in groups for job in group[1:]]
        self._rows += [_Row(job) for job in [group[0] for group in groups] + rest]
        self._hand_on(range(first, len(self._rows)), laws_BV)
        self._drop_ended()

    def step(self) -> None:
        """Let every row go on by one token, or by several."""
        self._interrupt()
        self._drop_ended()
        if not self._rows:
            return
        pace, count = self._decoding.pace, self._proposals()
        speculates = count > 0 and pace.speculates(
            self._decoding.speculation, rows=len(self._rows)
        )
        rows, began = len(self._rows), time.perf_counter()
        before = sum(len(row.ids) for row in self._rows)
        if speculates:
            self._speculate(count)
        else:
            law_BV = self._models.advance([row.ids[-1] for row in self._rows])
            self._hand_on(range(rows), law_BV)
        made = sum(len(row.ids) for row in self._rows) - before
        seconds = time.perf_counter() - began
        if count > 0 and made:
            pace.record(rows=rows, speculative=speculates, seconds=seconds / made)
        self._drop_ended()

    def _prefilled(
        self, prompts: Sequence[Sequence[int]], counts: Sequence[int]
    ) -> Tensor:
        """Let the models have a row for each prompt, then as many more as are wanted.

        Returns:
            The law after each row's prompt, ``[B, V]``.
        """
        first = len(self._models)
        law_BV = self._models.join(prompts, known=list(map(self._known, prompts)))
        places = list(range(len(prompts)))
        for place, count in enumerate(counts):
            for _ in range(1, count):
                self._models.fork(first + place)
                places.append(place)
        return law_BV[places]

    def _known(self, prompt: Sequence[int]) -> tuple[int, int]:
        """Return the running row that begins like a prompt, and for how long."""
        best = (0, 0)
        if not self._decoding.shares_prefixes:
            return best
        for place, row in enumerate(self._rows):
            # The models have not seen the last token of a row.
            limit = min(len(prompt), len(row.ids)) - 1
            length = next(
                (at for at in range(limit) if prompt[at] != row.ids[at]), limit
            )
            if length >= max(SHORTEST_SHARED, best[1] + 1):
                best = (place, length)
        return best

    def _proposals(self) -> int:
        """Return how many tokens may be proposed now."""
        if not self._models.can_draft:
            return 0
        longest = max(row.remaining for row in self._rows)
        room = self.law.maximum_tokens - max(len(row.ids) for row in self._rows)
        return min(self._decoding.proposed_tokens, longest - 1, room - 1)

    def _speculate(self, count: int) -> None:
        rows = self._rows

        def propose(scores_BV: Tensor, ahead: int) -> list[int]:
            return [
                row.choose(scores_V, ahead=ahead) or 0
                for row, scores_V in zip(rows, scores_BV, strict=True)
            ]

        laws_BTV, proposals = self._models.speculate(
            [row.ids[-1] for row in rows], count=count, choose=propose
        )
        best_BT = laws_BTV.amax(dim=-1).tolist()
        kept = [
            _accept(row, law_TV, proposed, best_T=best_T)
            for row, law_TV, proposed, best_T in zip(
                rows, laws_BTV, proposals, best_BT, strict=True
            )
        ]
        self._models.extend(kept)

    def _hand_on(self, places: range, laws_BV: Tensor) -> None:
        """Choose and hand out the next token of some rows."""
        best_B = laws_BV.amax(dim=-1).tolist()
        for place, law_V, best in zip(places, laws_BV, best_B, strict=True):
            _next(self._rows[place], law_V, best=best)

    def _interrupt(self) -> None:
        for row in self._rows:
            reason = _interruption(row.job)
            if reason:
                _end(row, reason)

    def _drop_ended(self) -> None:
        """Free the rows that have ended; the last one takes a freed place."""
        for place in reversed(range(len(self._rows))):
            if self._rows[place].ended:
                self._models.leave(place)
                self._rows[place] = self._rows[-1]
                self._rows.pop()


def _accept(
    row: _Row, law_TV: Tensor, proposed: Sequence[int], *, best_T: Sequence[float]
) -> int:
    """Hand out tokens as long as they were proposed, and the first that was not.

    Returns:
        How many tokens the models have rightly seen in this step.
    """
    for place, (law_V, best) in enumerate(zip(law_TV, best_T, strict=True)):
        _next(row, law_V, best=best)
        is_last = place == len(proposed)
        if row.ended or is_last or row.ids[-1] != proposed[place]:
            return place + 1
    raise AssertionError  # the last place returns


def _next(row: _Row, law_V: Tensor, *, best: float) -> None:
    """Choose and hand out a row's next token, or end it.

    Args:
        row: The row.
        law_V: Its law.
        best: The largest value of the law.
    """
    job = row.job
    reason = _interruption(job) or _failure(best)
    token = None if reason else row.choose(law_V)
    if reason or token is None:
        _end(row, reason or FinishReason.ERROR)
    elif token == job.end_id:
        _end(row, FinishReason.STOP)
    else:
        row.take(token)
        likeliest = _likeliest(law_V, job.likeliest)
        handed = Token(
            token_id=token, log_prob=float(law_V[token]), likeliest=likeliest
        )
        if not hand_out(job, handed):
            _end(row, FinishReason.ERROR)
        elif row.remaining <= 0:
            _end(row, FinishReason.LENGTH)


def hand_out(job: Job, event: Event) -> bool:
    """Give an event to the requester; tell whether it is still there."""
    with suppress(Exception):
        job.emit(event)
        return True
    return False


def _end(row: _Row, reason: FinishReason) -> None:
    row.ended = True
    hand_out(row.job, reason)


def _interruption(job: Job) -> FinishReason | None:
    """Return why a job may not go on, if so."""
    if job.is_cancelled.is_set():
        return FinishReason.CANCELLED
    return FinishReason.RECALLED if job.recalled.is_set() else None


def _failure(best: float) -> FinishReason | None:
    """Return why nothing may be chosen from a law, if so; see `ServableLaw`."""
    if math.isnan(best):
        return FinishReason.ERROR
    return FinishReason.BOUND if best == -math.inf else None


def _biased(scores_V: Tensor, bias: Mapping[int, float]) -> Tensor:
    """Return scores with something added to single tokens."""
    if not bias:
        return scores_V
    ids = torch.tensor(list(bias), device=scores_V.device)
    added = torch.tensor(list(bias.values()), device=scores_V.device)
    return scores_V.index_add(0, ids, added.to(scores_V.dtype))


def _likeliest(log_probs_V: Tensor, count: int) -> list[tuple[int, float]]:
    """Return the likeliest tokens, the likeliest first."""
    if not count:
        return []
    values, ids = log_probs_V.topk(min(count, len(log_probs_V)))
    pairs = zip(ids.tolist(), values.tolist(), strict=True)
    # What a base elsewhere did not tell is not known to be unlikely.
    return [(token, value) for token, value in pairs if value > -math.inf]
