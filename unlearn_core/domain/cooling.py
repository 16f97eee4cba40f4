"""Cooling off: the time in which what was decided can still be cancelled.

- The moment is stated beforehand: in the ledger, on the status page, in a message.
- Before it nothing is erased. From it on nobody cancels the request, officers neither.
- The acknowledgement promises a moment at the earliest, which the later one keeps.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import Stage
from unlearn_core.errors import IllegalTransitionError

TEMPLATE = "cooling_off"
UNTIL = "until"
PROMISED = "cancel_until"
"""Fact of the acknowledgement: the request can be cancelled until then at least."""

_STAGES = frozenset(Stage)


def cancel_until(entries: Iterable[LedgerEntry]) -> datetime | None:
    """Return until when a request can be cancelled that cools off now.

    Args:
        entries: The request's ledger entries, in order.

    Returns:
        The stated moment; None if it does not cool off.
    """
    until: datetime | None = None
    for entry in entries:
        if entry.event == Stage.COOLING_OFF:
            until = _moment(entry, UNTIL)
        elif entry.event in _STAGES:
            until = None
    return until


def stated(entries: Iterable[LedgerEntry]) -> tuple[datetime, ...]:
    """Return the moments that were stated, oldest first; a release leads to another."""
    moments = (
        _moment(entry, UNTIL) for entry in entries if entry.event == Stage.COOLING_OFF
    )
    return tuple(moment for moment in moments if moment)


def promised(entries: Iterable[LedgerEntry]) -> datetime | None:
    """Return the moment that the acknowledgement promised, if it did."""
    moment: datetime | None = None
    for entry in entries:
        if entry.event == Stage.ACKNOWLEDGED:
            moment = _moment(entry, PROMISED)
    return moment


def last_moment(
    entries: Iterable[LedgerEntry], *, now: datetime, cooling_off: timedelta
) -> datetime:
    """Return until when a request can be cancelled that could be erased now.

    Args:
        entries: The request's ledger entries.
        now: The present moment.
        cooling_off: How long requests cool off in this installation.
    """
    return max(now + cooling_off, promised(entries) or now)


def check_cooled_off(entries: Iterable[LedgerEntry], *, now: datetime) -> None:
    """Refuse to erase before the stated moment.

    Raises:
        IllegalTransitionError: The request can still be cancelled.
    """
    until = cancel_until(entries)
    if until is not None and now < until:
        raise IllegalTransitionError(
            present=Stage.COOLING_OFF.value, following=Stage.SOURCES_ERASED.value
        )


def template_of(number: int) -> str:
    """Return the name of the message that states a moment; each is posted once."""
    return f"{TEMPLATE}_{number}"


def moment_of(template: str, entries: Iterable[LedgerEntry]) -> datetime | None:
    """Return the moment that a message states; None if it states none."""
    if template == Stage.ACKNOWLEDGED:
        return promised(entries)
    name, _, number = template.rpartition("_")
    moments = stated(entries) if name == TEMPLATE else ()
    return moments[int(number) - 1] if 0 < len(moments) >= int(number) else None


def _moment(entry: LedgerEntry, name: str) -> datetime | None:
    said = entry.payload.get(name)
    return datetime.fromisoformat(said) if isinstance(said, str) else None
