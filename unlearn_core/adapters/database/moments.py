"""Moments as text: ISO 8601 in UTC with microseconds, so that order is text order."""

from datetime import UTC, datetime


def to_text(moment: datetime) -> str:
    """Return a moment as text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
