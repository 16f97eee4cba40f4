"""The decode loop: requests that wait together are answered together.

Legend: B batch rows, V vocabulary.

A thread takes waiting jobs of one version, prefills them as one padded batch and
decodes step by step, handing every token out as it is made. Each job samples with its
own settings and its own random numbers, so its answer does not depend on its
neighbours in the batch.
"""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

import torch
from torch import Tensor

from unlearn_core.modeling.generation import Decoder, Sampling, choose_tokens
from unlearn_core.modeling.laws import NextTokenLaw
from unlearn_core.observability import EventLog

MAXIMUM_ROWS = 32

_LOG = EventLog("engine")


class FinishReason(StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    LENGTH = "length"
    CANCELLED = "cancelled"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One generated token with its log-probability under the served law."""

    token_id: int
    log_prob: float


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
        is_cancelled: Set by the requester to stop early.
    """

    law: NextTokenLaw
    prompt: list[int]
    sampling: Sampling
    end_id: int
    pad_id: int
    seed: int
    emit: Callable[[Event], None]
    is_cancelled: threading.Event = field(default_factory=threading.Event)


class Engine:
    """Runs jobs on one thread."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._taken: list[Job] = []
        self._is_ending = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the jobs that were submitted, then end the thread."""
        self._waiting.put(None)
        self._thread.join()

    def submit(self, job: Job) -> None:
        """Queue a job."""
        self._waiting.put(job)

    def _run(self) -> None:
        # No job is kept in a variable here: an idle engine must not hold a version.
        while self._wait_for_jobs():
            self._answer(self._take_batch())

    def _wait_for_jobs(self) -> bool:
        """Wait until there is something to do; tell whether there is."""
        if not self._taken and not self._is_ending:
            self._receive()
        return bool(self._taken)

    def _receive(self) -> None:
        """Take one job, or the order to end, from the queue."""
        job = self._waiting.get()
        if job is None:
            self._is_ending = True
        else:
            self._taken.append(job)

    def _take_batch(self) -> list[Job]:
        """Collect waiting jobs of the first one's law, without waiting for more."""
        while len(self._taken) < MAXIMUM_ROWS and not self._waiting.empty():
            self._receive()
        law = self._taken[0].law
        jobs = [job for job in self._taken if job.law is law]
        self._taken = [job for job in self._taken if job.law is not law]
        return jobs

    @staticmethod
    def _answer(jobs: list[Job]) -> None:
        """Answer a batch; a failure ends its jobs, never the thread."""
        try:
            _Batch(jobs).run()
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
        if job.is_cancelled.is_set():
            return self._finish(row, FinishReason.CANCELLED)
        if torch.isnan(log_probs_V).any():
            return self._finish(row, FinishReason.ERROR)
        try:
            chosen_B = choose_tokens(
                log_probs_V[None], job.sampling, generator=self._generators[row]
            )
        except RuntimeError:
            # This row's sampling cannot be done; its neighbours go on.
            return self._finish(row, FinishReason.ERROR)
        token = int(chosen_B[0])
        if token == job.end_id:
            return self._finish(row, FinishReason.STOP)
        job.emit(Token(token_id=token, log_prob=float(log_probs_V[token])))
        if step + 1 >= job.sampling.maximum_tokens:
            self._finish(row, FinishReason.LENGTH)
        return token

    def _finish(self, row: int, reason: FinishReason) -> int:
        self._finished[row] = True
        self._jobs[row].emit(reason)
        return self._jobs[row].pad_id
