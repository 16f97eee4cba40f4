"""The decode loop: requests that wait together are answered together.

Legend: B batch rows, V vocabulary.

A thread takes waiting jobs of one version, prefills them as one padded batch and
decodes step by step, handing every token out as it is made. Each job samples with its
own settings and its own random numbers, so its answer does not depend on its
neighbours in the batch.

The queue is limited. What does not fit is refused at once, so that waiting never takes
longer than a client is willing to wait.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

import torch
from torch import Tensor

from unlearn_core.http_errors import OverloadedError
from unlearn_core.modeling.generation import Decoder, Sampling, choose_tokens
from unlearn_core.modeling.laws import NextTokenLaw
from unlearn_core.observability import EventLog

MAXIMUM_ROWS = 32
MAXIMUM_WAITING = 256
RETRY_SECONDS = 1

_LOG = EventLog("engine")


class FinishReason(StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    LENGTH = "length"
    CANCELLED = "cancelled"
    RECALLED = "recalled"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One generated token.

    Attributes:
        token_id: Its id.
        log_prob: Its log-probability under the served law, before temperature, top-p
            and bias.
        likeliest: The likeliest tokens of that law with their log-probabilities.
    """

    token_id: int
    log_prob: float
    likeliest: Sequence[tuple[int, float]] = ()


Event = Token | FinishReason


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """One answer to be generated.

    Attributes:
        law: The law that the request has pinned.
        prompt: Token ids.
        sampling: How tokens are chosen.
        end_id: The id that ends the answer.
        pad_id: Id that fills up short prompts.
        seed: Seed of the random choices.
        emit: Receives tokens, then one `FinishReason`; called from the engine's
            thread.
        bias: What is added to the log-probabilities of single tokens before choosing.
        likeliest: How many of the likeliest tokens are handed out with each token.
        is_cancelled: Set by the requester to stop early.
        recalled: Set when the version may not go on answering.
    """

    law: NextTokenLaw
    prompt: list[int]
    sampling: Sampling
    end_id: int
    pad_id: int
    seed: int
    emit: Callable[[Event], None]
    bias: Mapping[int, float] = field(default_factory=dict)
    likeliest: int = 0
    is_cancelled: threading.Event = field(default_factory=threading.Event)
    recalled: threading.Event = field(default_factory=threading.Event)


class Engine:
    """Runs jobs on one thread.

    Args:
        maximum_waiting: Most jobs in the queue; those being answered do not count.
    """

    def __init__(self, *, maximum_waiting: int = MAXIMUM_WAITING) -> None:
        self._maximum_waiting = maximum_waiting
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()
        self._is_ending = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the jobs that were submitted, then end the thread."""
        with self._changed:
            self._is_ending = True
            self._changed.notify()
        self._thread.join()

    def submit(self, *jobs: Job) -> None:
        """Queue jobs, all of them or none.

        Raises:
            OverloadedError: They do not fit into the queue.
        """
        with self._changed:
            waiting = len(self._waiting)
            if waiting + len(jobs) > self._maximum_waiting:
                raise OverloadedError(waiting=waiting, retry_seconds=RETRY_SECONDS)
            self._waiting.extend(jobs)
            self._changed.notify()

    def _run(self) -> None:
        # No job is kept in a variable here: an idle engine must not hold a version.
        while self._wait_for_jobs():
            self._answer(self._take_batch())

    def _wait_for_jobs(self) -> bool:
        """Wait until there is something to do; tell whether there is."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_ending)
            return bool(self._waiting)

    def _take_batch(self) -> list[Job]:
        """Take waiting jobs of the first one's law, without waiting for more."""
        with self._changed:
            law = self._waiting[0].law
            jobs = [job for job in self._waiting if job.law is law][:MAXIMUM_ROWS]
            taken = set(map(id, jobs))
            self._waiting = deque(job for job in self._waiting if id(job) not in taken)
            return jobs

    @staticmethod
    def _answer(jobs: list[Job]) -> None:
        """Answer a batch; a failure ends its jobs, never the thread."""
        try:
            # Who left while waiting costs nothing.
            left = [job for job in jobs if job.is_cancelled.is_set()]
            for job in left:
                job.emit(FinishReason.CANCELLED)
            if len(left) < len(jobs):
                _Batch([job for job in jobs if job not in left]).run()
        except Exception as error:  # noqa: BLE001 - the thread must survive
            _LOG.error("batch_failed", reason=type(error).__name__, count=len(jobs))
            for job in jobs:
                with suppress(Exception):  # its requester may be gone
                    job.emit(FinishReason.ERROR)


class _Batch:
    """Jobs that are decoded together."""

    def __init__(self, jobs: list[Job]) -> None:
        self._jobs = jobs
        self._finished = [False] * len(jobs)
        self._generators = [
            torch.Generator(device=job.law.device).manual_seed(job.seed) for job in jobs
        ]

    def run(self) -> None:
        """Decode until every job has ended."""
        first = self._jobs[0]
        decoder = Decoder(
            first.law, [job.prompt for job in self._jobs], pad_id=first.pad_id
        )
        step = 0
        while True:
            tokens = [
                self._next(row, decoder.log_probs_BV[row], step)
                for row in range(len(self._jobs))
            ]
            if all(self._finished):
                return
            decoder.advance(torch.tensor(tokens, device=first.law.device))
            step += 1

    def _next(self, row: int, log_probs_V: Tensor, step: int) -> int:
        """Choose and hand out a row's next token; a finished row gets padding."""
        job = self._jobs[row]
        if self._finished[row]:
            return job.pad_id
        interruption = _interruption(job, log_probs_V)
        if interruption is not None:
            return self._finish(row, interruption)
        try:
            chosen_B = choose_tokens(
                _biased(log_probs_V, job.bias)[None],
                job.sampling,
                generator=self._generators[row],
            )
        except RuntimeError:
            # This row's sampling cannot be done; its neighbours go on.
            return self._finish(row, FinishReason.ERROR)
        token = int(chosen_B[0])
        if token == job.end_id:
            return self._finish(row, FinishReason.STOP)
        job.emit(
            Token(
                token_id=token,
                log_prob=float(log_probs_V[token]),
                likeliest=_likeliest(log_probs_V, job.likeliest),
            )
        )
        if step + 1 >= job.sampling.maximum_tokens:
            self._finish(row, FinishReason.LENGTH)
        return token

    def _finish(self, row: int, reason: FinishReason) -> int:
        self._finished[row] = True
        self._jobs[row].emit(reason)
        return self._jobs[row].pad_id


def _interruption(job: Job, log_probs_V: Tensor) -> FinishReason | None:
    """Return why a job may not go on, if so."""
    if job.is_cancelled.is_set():
        return FinishReason.CANCELLED
    if job.recalled.is_set():
        return FinishReason.RECALLED
    return FinishReason.ERROR if torch.isnan(log_probs_V).any() else None


def _biased(log_probs_V: Tensor, bias: Mapping[int, float]) -> Tensor:
    """Return a law with something added to single tokens."""
    if not bias:
        return log_probs_V
    ids = torch.tensor(list(bias), device=log_probs_V.device)
    added = torch.tensor(list(bias.values()), device=log_probs_V.device)
    return log_probs_V.index_add(0, ids, added.to(log_probs_V.dtype))


def _likeliest(log_probs_V: Tensor, count: int) -> list[tuple[int, float]]:
    """Return the likeliest tokens, the likeliest first."""
    if not count:
        return []
    values, ids = log_probs_V.topk(min(count, len(log_probs_V)))
    return list(zip(ids.tolist(), values.tolist(), strict=True))
