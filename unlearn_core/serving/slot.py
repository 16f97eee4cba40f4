"""The slot: which law answers, atomically exchangeable.

- A request leases the version that is current when it is admitted and keeps it to its
  end, so no answer mixes versions.
- Exchanging versions is one assignment under a lock.
- It fails closed: until it is known whether an offset is required, nothing is leased.
- A replica that was cut off leases nothing, and its running answers end.
- Nothing is leased without the list of restrictions that is required, or with one that
  has expired; a request keeps its list as it keeps its version.
- Once an offset is required, nothing is leased without one at or above the minimum;
  the bare base never answers again.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Generic

from typing_extensions import TypeVar

from unlearn_core.errors import OffsetRequiredError
from unlearn_core.modeling.rows import ServableLaw
from unlearn_core.ports import Clock
from unlearn_core.serving.guard import Guard

NO_OFFSET = 0

Law = TypeVar("Law", default=ServableLaw)
"""What answers: a whole law, or the offset alone beside somebody else's engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedVersion(Generic[Law]):
    """A law with its stamp.

    Attributes:
        law: Gives the next token's log-probabilities.
        sequence: Sequence of the offset's manifest, `NO_OFFSET` for the base alone.
        version: Registered version, empty for the base alone.
        manifest: Digest of the manifest, empty for the base alone.
        guard: Withholds answers about restricted people; None if there are none.
        restrictions: Version of the list of restrictions that the guard is from.
        recalled: Set when running answers of this version must end at once.
    """

    law: Law
    sequence: int
    version: str
    manifest: str
    guard: Guard | None = None
    restrictions: int = 0
    recalled: threading.Event = field(default_factory=threading.Event, compare=False)


class Slot(Generic[Law]):
    """Holds the version that answers.

    Args:
        base: The law before any offset.
        requires_offset: Whether the base alone may never answer.
        clock: Tells when a pointer has expired.
        drain_seconds: Longest that an answer goes on after its version was replaced;
            None for as long as it takes.
        can_guard: Whether answers can be withheld here; if not, nothing is answered
            while somebody is restricted.
    """

    def __init__(
        self,
        base: Law,
        *,
        requires_offset: bool,
        clock: Clock,
        drain_seconds: float | None = None,
        can_guard: bool = True,
    ) -> None:
        self._lock = threading.Lock()
        self._drain_seconds = drain_seconds
        self._clock = clock
        self._current: ServedVersion[Law] = ServedVersion(
            law=base, sequence=NO_OFFSET, version="", manifest=""
        )
        # None: it is not known yet whether an offset is required.
        self._minimum: int | None = NO_OFFSET + 1 if requires_offset else None
        self._expires_at: datetime | None = None
        self._can_guard = can_guard
        self._required_list = 0
        self._list_expires_at: datetime | None = None
        self._lists: Counter[int] = Counter()
        self._is_cut_off = False
        self._in_flight: Counter[int] = Counter()
        self._running: Counter[threading.Event] = Counter()

    @property
    def current(self) -> ServedVersion[Law]:
        """Return the version that new requests get."""
        return self._current

    @property
    def oldest_in_flight(self) -> int | None:
        """Return the lowest sequence that is still answering."""
        with self._lock:
            return min(self._in_flight, default=None)

    @property
    def in_flight(self) -> int:
        """Return the number of running requests."""
        with self._lock:
            return self._in_flight.total()

    @property
    def in_flight_by_sequence(self) -> dict[str, int]:
        """Return the number of running requests of each version, the oldest first."""
        with self._lock:
            return {str(key): self._in_flight[key] for key in sorted(self._in_flight)}

    @property
    def restrictions(self) -> int:
        """Return the list of restrictions under which every running answer is."""
        with self._lock:
            return min(self._lists, default=self._current.restrictions)

    @property
    def is_cut_off(self) -> bool:
        """Tell whether this replica was taken out of service."""
        return self._is_cut_off

    def permit_base(self) -> None:
        """Let the base alone answer, unless an offset was ever required."""
        with self._lock:
            if self._minimum is None:
                self._minimum = NO_OFFSET

    def require(self, minimum: int, *, expires_at: datetime | None = None) -> None:
        """Raise the minimum; it never falls.

        Args:
            minimum: Lowest sequence that may answer.
            expires_at: Until when this is known; None keeps what was set before.
        """
        with self._lock:
            self._minimum = max(self._minimum or NO_OFFSET, minimum)
            self._expires_at = expires_at or self._expires_at

    def swap(self, version: ServedVersion[Law]) -> None:
        """Make a version the one that new requests get; the old one drains.

        Running answers keep the old version. They end by themselves, or after
        `drain_seconds` if there is such a limit; its weights are free afterwards.
        """
        with self._lock:
            old = self._current
            self._current = replace(
                version, guard=old.guard, restrictions=old.restrictions
            )
        self._let_drain(old)

    def _let_drain(self, old: ServedVersion[Law]) -> None:
        if self._drain_seconds:
            # The timer holds the event only, never the weights.
            timer = threading.Timer(self._drain_seconds, old.recalled.set)
            timer.daemon = True
            timer.start()
        elif self._drain_seconds is not None:
            old.recalled.set()

    def require_restrictions(self, version: int) -> None:
        """Raise the version of the list of restrictions that must be known."""
        with self._lock:
            self._required_list = max(self._required_list, version)

    def restrict(
        self, version: int, *, guard: Guard | None, expires_at: datetime
    ) -> None:
        """Answer under a list of restrictions from now on; running answers drain.

        Args:
            version: Version of the list.
            guard: Withholds answers; None if the list is empty.
            expires_at: Until when the list may be trusted.
        """
        with self._lock:
            self._list_expires_at = expires_at
            self._required_list = max(self._required_list, version)
            old = self._current
            if old.restrictions == version:
                return
            self._current = replace(
                old, guard=guard, restrictions=version, recalled=threading.Event()
            )
        if guard is not None and not self._can_guard:
            self.recall()
        self._let_drain(old)

    def recall(self) -> None:
        """End all running answers at once."""
        with self._lock:
            for event in self._running:
                event.set()

    def cut_off(self, *, is_cut_off: bool) -> None:
        """Take this replica out of service, with every running answer, or back in."""
        if is_cut_off:
            with self._lock:
                self._is_cut_off = True
            self.recall()
            return
        with self._lock:
            # What was recalled stays so; it says nothing about who comes from now on.
            self._current = replace(self._current, recalled=threading.Event())
            self._is_cut_off = False

    def check(self) -> None:
        """Make sure that a request may be answered now.

        Raises:
            OffsetRequiredError: The current version is below the minimum, or what is
                required is not known yet or not any more; or this replica was cut off.
        """
        if self._is_cut_off:
            raise OffsetRequiredError(problem="this replica was cut off")
        if self._minimum is None:
            raise OffsetRequiredError(problem="what must be served is not known yet")
        if self._current.sequence < self._minimum:
            raise OffsetRequiredError(
                active=self._current.sequence, minimum=self._minimum
            )
        now = self._clock.now()
        if self._expires_at is not None and now > self._expires_at:
            raise OffsetRequiredError(problem="the serving pointer has expired")
        self._check_restrictions(now)

    def _check_restrictions(self, now: datetime) -> None:
        if self._current.restrictions < self._required_list:
            raise OffsetRequiredError(problem="the list of restrictions is not known")
        if self._list_expires_at is not None and now > self._list_expires_at:
            raise OffsetRequiredError(problem="the list of restrictions has expired")
        if self._current.guard is not None and not self._can_guard:
            raise OffsetRequiredError(problem="answers cannot be withheld here")

    @contextmanager
    def lease(self) -> Iterator[ServedVersion[Law]]:
        """Pin the current version for one request.

        Raises:
            OffsetRequiredError: Nothing may be answered now.
        """
        with self._lock:
            self.check()
            version = self._current
            self._in_flight[version.sequence] += 1
            self._running[version.recalled] += 1
            self._lists[version.restrictions] += 1
        try:
            yield version
        finally:
            with self._lock:
                self._in_flight[version.sequence] -= 1
                self._in_flight += Counter()  # drops zero counts
                self._running[version.recalled] -= 1
                self._running += Counter()
                self._lists[version.restrictions] -= 1
                self._lists += Counter()
