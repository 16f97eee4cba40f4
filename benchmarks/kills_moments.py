"""At which moments of an erasure `benchmarks.kills` kills.

A process tells through a pipe what it is about to do to which source. How long each of
that takes is measured once, without a kill. Moments are then drawn evenly over what is
done, not over time, so that an announcement of a millisecond is killed as
well, and what destroys oftener than what does not.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any

from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.decisions import ERASURE_ANNOUNCED
from unlearn_core.steps.workbench import Workbench

BEGUN = "begun"
TRIED = "tried"
ANNOUNCED = "announced"
ERASED = "erased"
REDACTED = "redacted"
READ_BACK = "read back"
RECORDED = "recorded"
"""What is done: before any source, to each, and at the end."""

_WEIGHTS = {ERASED: 3, REDACTED: 3}
"""How often a moment is drawn in what destroys; once in anything else."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """What a process has told that it is doing.

    Attributes:
        what: One of the words above.
        source: To which source; nothing before the first and after the last.
    """

    what: str
    source: str = ""

    @classmethod
    def parse(cls, line: str) -> "Doing":
        """Read what `str` writes."""
        what, _, source = line.strip().partition("/")
        return cls(what=what, source=source)

    def __str__(self) -> str:
        """Return it as a line of a pipe."""
        return f"{self.what}/{self.source}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When to kill.

    Attributes:
        doing: What has to be told first.
        seconds: How long to wait then.
    """

    doing: Doing
    seconds: float


def draw_moments(
    draw: random.Random, seconds: Mapping[Doing, float], *, count: int
) -> list[Moment]:
    """Draw moments in the order in which an erasure comes to them.

    In that order each kill finds work that the ones before it have left.

    Args:
        draw: Draws them.
        seconds: How long each thing takes, in order.
        count: How many.
    """
    places = list(enumerate(seconds.items()))
    weights = [_WEIGHTS.get(doing.what, 1) for doing in seconds]
    drawn = sorted(
        (at, draw.random() * length, doing)
        for at, (doing, length) in draw.choices(places, weights, k=count)
    )
    return [Moment(doing=doing, seconds=wait) for _, wait, doing in drawn]


def timed(pipe: Iterator[str]) -> dict[Doing, float]:
    """Return how long each thing takes that a process tells of, until it ends."""
    began = [(Doing.parse(line), time.monotonic()) for line in pipe]
    ends = [moment for _, moment in began[1:]] + [time.monotonic()]
    seconds: dict[Doing, float] = {}
    for (doing, start), end in zip(began, ends, strict=True):
        seconds[doing] = seconds.get(doing, 0.0) + end - start
    return seconds


def kill_at(moment: Moment, pid: int, pipe: Iterator[str]) -> Doing | None:
    """Kill a process at a moment; tell in what, or nothing if it never came there.

    Args:
        moment: When.
        pid: The process.
        pipe: What it tells.
    """
    if moment.doing not in map(Doing.parse, pipe):
        return None
    time.sleep(moment.seconds)
    os.kill(pid, signal.SIGKILL)
    return moment.doing


def telling(bench: Workbench, writer: int) -> Workbench:
    """Make what a workbench has tell of itself before it acts.

    Args:
        bench: The workbench.
        writer: The pipe.
    """

    def tell(what: str, source: str = "") -> None:
        os.write(writer, f"{Doing(what=what, source=source)}\n".encode())

    def announced(event: str, payload: Mapping[str, JsonValue], **_: object) -> None:
        if event == ERASURE_ANNOUNCED:
            tell(ANNOUNCED, str(payload["source"]))

    for name, source in bench.sources.items():
        for method, what in (("erase", ERASED), ("redact", REDACTED)):
            _before(
                source, method, partial(_destroyed, partial(tell, source=name), what)
            )
        _before(
            source, "confirm_absent", partial(_read_back, partial(tell, source=name))
        )
    _before(bench.ledger, "note", announced)
    _before(bench.custody, "put", lambda *_: tell(RECORDED))
    tell(BEGUN)
    return bench


def _destroyed(
    tell: Tell, what: str, wanted: Collection[str], *_: object, dry_run: bool
) -> None:
    if wanted:
        tell(TRIED if dry_run else what)


def _read_back(tell: Tell, _wanted: Collection[str]) -> None:
    tell(READ_BACK)


def _before(owner: object, method: str, told: Callable[..., None]) -> None:
    """Have something called before a method of one object is."""
    plain = getattr(owner, method)

    @wraps(plain)
    def heard(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the method itself
        told(*args, **kwargs)
        return plain(*args, **kwargs)

    setattr(owner, method, heard)
