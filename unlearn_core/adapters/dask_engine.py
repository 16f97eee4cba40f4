"""Searches the parts of a source on a Dask cluster that is there.

Workers open the source themselves, with credentials of their own, and send back what
concerns the subject, never anything else of the text. Dask sees sealed bytes, and names
of tasks that say nothing. It does a part again whose worker died; one that fails is
tried again here, and one that keeps failing makes the source unreadable, never empty.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar
from uuid import uuid4

from unlearn_core.adapters.connectors.parts import Part
from unlearn_core.adapters.connectors.specification import SourceSpec
from unlearn_core.adapters.parcels import Job, Parcels
from unlearn_core.domain.sources import SearchResult
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import (
    DependencyError,
    KeyMissingError,
    SealBrokenError,
    SettingsError,
    SourceChangedError,
    SourceUnreadableError,
)
from unlearn_core.observability import EventLog

if TYPE_CHECKING:
    from distributed import Client, Future

ATTEMPTS = 3
"""How often a part is tried that fails."""

WINDOW = 256
"""Parts that the scheduler knows at a time."""

_MISCONFIGURED = {KeyMissingError.code, SealBrokenError.code, SettingsError.code}

_LOG = EventLog("worker")

SearchPart = Callable[[bytes, str], tuple[str, bytes]]
"""What a worker runs: a sealed job and its number, to the code of an error, if any,
and what was found, sealed. It raises nothing."""


class ExtraMissingError(DependencyError):
    """Optional libraries are asked for that are not installed."""

    code = "extra_missing"
    summary = "libraries are missing that the settings ask for"
    next_step = 'Install the named extra, as in `pip install "unlearn[cluster]"`.'


class ClusterUnavailableError(DependencyError):
    """The cluster cannot do its work; nothing is said about the source."""

    code = "cluster_unavailable"
    summary = "the cluster that searches sources does not answer as it should"
    next_step = (
        "Start scheduler and workers, with this version of unlearn and the same "
        "cluster.key; the request resumes by itself."
    )


@dataclass(slots=True, kw_only=True)
class _Search:
    """One search that is going on.

    Attributes:
        spec: How the source is read.
        parts: Its parts.
        subjects: Whom to search for.
        found: What the parts have that are done.
        waiting: Parts to submit, with how often they have failed.
        running: What was submitted.
        name: Tells its tasks from those of others.
    """

    spec: SourceSpec
    parts: Sequence[Part]
    subjects: tuple[DataSubject, ...]
    found: dict[int, tuple[SearchResult, ...]] = field(default_factory=dict)
    waiting: deque[tuple[int, int]] = field(default_factory=deque)
    running: dict["Future[tuple[str, bytes]]", tuple[int, int]] = field(
        default_factory=dict
    )
    name: str = field(default_factory=lambda: uuid4().hex)

    def number(self, part: int) -> str:
        """Return under which number a part is sealed."""
        return f"{self.name}/{part}"


class DaskEngine:
    """An `Engine` on the workers of a Dask cluster.

    Args:
        scheduler: Address of the scheduler.
        key: The key that its workers have too.
        search: What they run.
        part_bytes: Size at which a large file is divided.
        patience_seconds: Longest wait until another part is searched.

    Raises:
        ExtraMissingError: Dask is not installed.
    """

    _extra: ClassVar = "cluster"

    def __init__(
        self,
        scheduler: str,
        *,
        key: bytes,
        search: SearchPart,
        part_bytes: int,
        patience_seconds: float,
    ) -> None:
        try:
            import distributed  # noqa: PLC0415 - an extra, and slow
        except ImportError:
            raise ExtraMissingError(extra=self._extra) from None
        self._dask = distributed
        self._scheduler = scheduler
        self._parcels = Parcels(key)
        self._search = search
        self._patience = patience_seconds
        self.part_bytes = part_bytes

    def search(
        self,
        spec: SourceSpec,
        parts: Sequence[Part],
        subjects: Sequence[DataSubject],
    ) -> list[tuple[SearchResult, ...]]:
        """Return what every part has, in their order: a result per subject.

        Raises:
            ClusterUnavailableError: It does not answer, has no workers, or its workers
                cannot open what they are sent.
            SourceChangedError: A file was written to after it had been divided.
            SourceUnreadableError: A part could not be searched, however often it was
                tried.
        """
        going = _Search(spec=spec, parts=parts, subjects=tuple(subjects))
        going.waiting.extend((number, 0) for number in range(len(parts)))
        with self._client() as client:
            while going.waiting or going.running:
                while going.waiting and len(going.running) < WINDOW:
                    self._submit(going, client)
                done, _ = self._dask.wait(
                    list(going.running),
                    timeout=self._patience,
                    return_when="FIRST_COMPLETED",
                )
                for future in done:
                    self._take(going, future)
        return [going.found[number] for number in range(len(parts))]

    @contextmanager
    def _client(self) -> "Iterator[Client]":
        """Connect; give up all that was submitted in the end."""
        try:
            with (
                self._dask.Client(
                    self._scheduler, timeout=self._patience, set_as_default=False
                ) as client,
                client.as_current(),
            ):
                yield client
        except (OSError, TimeoutError, self._dask.CancelledError) as error:
            raise ClusterUnavailableError(kind=type(error).__name__) from None

    def _submit(self, going: _Search, client: "Client") -> None:
        part, failures = going.waiting.popleft()
        number = going.number(part)
        job = Job(spec=going.spec, part=going.parts[part], subjects=going.subjects)
        future = client.submit(
            self._search,
            self._parcels.pack_job(job, number=number),
            number,
            # Dask would name a task by a digest of its arguments.
            key=f"part-{number}-{failures}",
            pure=False,
        )
        going.running[future] = (part, failures)

    def _take(self, going: _Search, future: "Future[tuple[str, bytes]]") -> None:
        """Take in what a worker has found, or let it be tried again."""
        part, failures = going.running.pop(future)
        code, sealed = self._answer(future)
        source = going.spec.name
        if not code:
            number = going.number(part)
            going.found[part] = self._parcels.open_found(sealed, number=number)
            return
        _LOG.warning("source_part_failed", source=source, code=code)
        if code == SourceChangedError.code:
            raise SourceChangedError(source=source)
        if failures + 1 < ATTEMPTS:
            going.waiting.append((part, failures + 1))
        elif code in _MISCONFIGURED:
            raise ClusterUnavailableError(problem=code)
        else:
            raise SourceUnreadableError(source=source, problem=code)

    def _answer(self, future: "Future[tuple[str, bytes]]") -> tuple[str, bytes]:
        try:
            answer: tuple[str, bytes] = future.result(timeout=self._patience)
        except self._dask.KilledWorker:
            return "worker_killed", b""
        except Exception as error:  # noqa: BLE001 - what a worker runs raises nothing
            raise ClusterUnavailableError(kind=type(error).__name__) from None
        return answer
