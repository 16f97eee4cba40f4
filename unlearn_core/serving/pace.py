"""Which kind of decoding step is faster here and now, found by measuring.

Whether proposing tokens pays depends on the models, on the machine, on how many rows
run together and on how often proposals are right. So both kinds of steps are timed, for
like numbers of rows apart, and the faster one is made. Now and then the other one is
tried again, less and less often while it keeps losing.
"""

from dataclasses import dataclass
from enum import StrEnum

TRIES = 4
FIRST_PAUSE = 64
LONGEST_PAUSE = 4096
MEMORY = 0.8
"""Weight of what was measured before in each new mean."""


class Speculation(StrEnum):
    """When the pair proposes tokens."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(slots=True)
class _Record:
    """What is known for one order of magnitude of rows."""

    plain: float | None = None
    speculative: float | None = None
    tries: int = 0
    countdown: int = TRIES
    pause: int = FIRST_PAUSE

    def is_faster(self) -> bool:
        """Return whether speculation was measured faster."""
        if self.plain is None or self.speculative is None:
            return False
        return self.speculative < self.plain


class Pace:
    """Remembers how long tokens take, in seconds each."""

    def __init__(self) -> None:
        self._records: dict[int, _Record] = {}

    def speculates(self, wish: Speculation, *, rows: int) -> bool:
        """Return whether the next step shall propose tokens."""
        if wish is not Speculation.AUTO:
            return wish is Speculation.ALWAYS
        record = self._record(rows)
        return record.is_faster() != (record.tries > 0)

    def record(self, *, rows: int, speculative: bool, seconds: float) -> None:
        """Take note of a step.

        Args:
            rows: Rows that were decoded together.
            speculative: Whether tokens were proposed.
            seconds: Time per token that was handed out.
        """
        record = self._record(rows)
        name = "speculative" if speculative else "plain"
        before: float | None = getattr(record, name)
        mean = seconds if before is None else MEMORY * before + (1 - MEMORY) * seconds
        setattr(record, name, mean)
        was_try = record.tries > 0
        record.tries = max(0, record.tries - 1)
        record.countdown -= 1
        if was_try and not record.tries:
            record.pause = min(LONGEST_PAUSE, 2 * record.pause)
        if record.countdown <= 0:
            record.tries, record.countdown = TRIES, record.pause

    def _record(self, rows: int) -> _Record:
        return self._records.setdefault(rows.bit_length(), _Record())
