"""The decode loop: requests join and leave running batches at any time.

A thread takes waiting jobs, prefills them together and adds them to the running batch
of their version; then every running batch makes one step. So a new question waits for
one step, never for somebody's answer, and two versions answer side by side while one
replaces the other. Each job samples with its own settings and its own random numbers,
so its answer does not depend on its neighbours.

The queue is limited. What does not fit is refused at once, so that waiting never takes
longer than a client is willing to wait.
"""

import threading
from collections import deque

from unlearn_core.http_errors import (
    OverloadedError,
    UpstreamMismatchError,
    UpstreamUnavailableError,
)
from unlearn_core.modeling.rows import ServableLaw
from unlearn_core.observability import EventLog
from unlearn_core.serving.batch import Decoding, RunningBatch, hand_out
from unlearn_core.serving.jobs import FinishReason, Job
from unlearn_core.serving.metrics import Meter

MAXIMUM_ROWS = 32
MAXIMUM_WAITING = 256
PREFILL_TOKENS = 2048
"""Most tokens, padding included, that are prefilled between two steps; a longer prompt
is prefilled alone."""

RETRY_SECONDS = 1

_REASONS: tuple[tuple[type[Exception], FinishReason], ...] = (
    (UpstreamUnavailableError, FinishReason.UNAVAILABLE),
    (UpstreamMismatchError, FinishReason.MISMATCH),
)

_LOG = EventLog("engine")


class Engine:
    """Runs jobs on one thread.

    Args:
        maximum_waiting: Most jobs in the queue; those being answered do not count.
        decoding: How steps are made.
        meter: Counts and times.
    """

    def __init__(
        self,
        *,
        maximum_waiting: int = MAXIMUM_WAITING,
        decoding: Decoding | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.meter = meter or Meter()
        self.meter.watch_engine(
            running=lambda: self.running, waiting=lambda: self.waiting
        )
        self._maximum_waiting = maximum_waiting
        self._decoding = decoding or Decoding()
        self._waiting: deque[Job] = deque()
        self._batches: list[RunningBatch] = []
        self._changed = threading.Condition()
        self._is_ending = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    @property
    def waiting(self) -> int:
        """Return the number of jobs in the queue."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Return the number of jobs that are being answered."""
        return sum(map(len, list(self._batches)))

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
            OverloadedError: They do not fit into the queue, or the engine ends: nobody
                would answer them.
        """
        with self._changed:
            waiting = len(self._waiting)
            if self._is_ending or waiting + len(jobs) > self._maximum_waiting:
                raise OverloadedError(waiting=waiting, retry_seconds=RETRY_SECONDS)
            for job in jobs:
                self.meter.watch(job)
            self._waiting.extend(jobs)
            self._changed.notify()

    def _run(self) -> None:
        # No job is kept in a variable here: an idle engine must not hold a version.
        while self._wait_for_work():
            self._admit(self._take())
            self._step()

    def _wait_for_work(self) -> bool:
        """Wait until there is something to do; tell whether there is."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._waiting or self._batches or self._is_ending
            )
            return bool(self._waiting or self._batches)

    def _take(self) -> list[Job]:
        """Take waiting jobs of the first one's law, as many as there is room for."""
        with self._changed:
            room = MAXIMUM_ROWS - self.running
            if not self._waiting or room <= 0:
                return []
            law, longest = self._waiting[0].law, 0
            taken: list[Job] = []
            for job in self._waiting:
                if job.law is not law:
                    continue
                longest = max(longest, len(job.prompt))
                too_much = longest * (len(taken) + 1) > PREFILL_TOKENS
                if len(taken) == room or (taken and too_much):
                    break
                taken.append(job)
            ids = set(map(id, taken))
            self._waiting = deque(job for job in self._waiting if id(job) not in ids)
            return taken

    def _admit(self, jobs: list[Job]) -> None:
        """Add jobs to the running batch of their law."""
        # Who left while waiting costs nothing.
        staying = [job for job in jobs if not job.is_cancelled.is_set()]
        for job in jobs:
            if job not in staying:
                hand_out(job, FinishReason.CANCELLED)
        if not staying:
            return
        batch: RunningBatch | None = None
        before = 0
        try:
            batch = self._batch_of(staying[0].law)
            before = len(batch)
            batch.admit(staying)
        except Exception as error:  # noqa: BLE001 - the thread must survive
            if batch is not None and len(batch) > before:
                # They have rows already: it is a step that failed, for all.
                staying = batch.abandon()
            _give_up(staying, error)
            self._batches = [item for item in self._batches if len(item)]

    def _batch_of(self, law: ServableLaw) -> RunningBatch:
        for batch in self._batches:
            if batch.law is law:
                return batch
        batch = RunningBatch(law, self._decoding)
        self._batches.append(batch)
        return batch

    def _step(self) -> None:
        """Make one step of every batch; a failure ends its jobs, never the thread."""
        for batch in self._batches:
            try:
                batch.step()
            except Exception as error:  # noqa: BLE001 - the thread must survive
                _give_up(batch.abandon(), error)
        self._batches = [batch for batch in self._batches if len(batch)]


def _give_up(jobs: list[Job], error: Exception) -> None:
    _LOG.error("batch_failed", reason=type(error).__name__, count=len(jobs))
    reason = next(
        (reason for kind, reason in _REASONS if isinstance(error, kind)),
        FinishReason.ERROR,
    )
    for job in jobs:
        hand_out(job, reason)
