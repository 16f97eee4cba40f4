"""Structured logs that cannot carry personal data by accident.

An event is a constant name in the past tense; facts are keyword fields from
`ALLOWED_FIELDS`, with values that are numbers, booleans, identifiers or short
names from the configuration. Anything else is refused where it is written, not
filtered where it is read.
"""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

ALLOWED_FIELDS = frozenset(
    {
        "attempt",
        "base_model",
        "code",
        "count",
        "drift",
        "event_count",
        "forget_loss",
        "gap",
        "gate",
        "port",
        "process",
        "reason",
        "replica",
        "request_id",
        "retain_loss",
        "rung",
        "seconds",
        "sequence",
        "source",
        "stage",
        "step",
        "stranger_loss",
        "token",
        "version",
    }
)

LogValue = str | int | float | bool | UUID | None
"""What a field may hold; checked again at run time, for callers without types."""

_MAXIMUM_TEXT = 80


class ForbiddenFieldError(ValueError):
    """A log call used a field that is not on the list or a value that may not be."""


class EventLog:
    """Writes events of one component.

    Args:
        component: Name of the component.
    """

    def __init__(self, component: str) -> None:
        self._logger = logging.getLogger(f"unlearn.{component}")

    def info(self, event: str, **fields: LogValue) -> None:
        """Record something that went as intended."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: LogValue) -> None:
        """Record something that somebody may have to look at."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: LogValue) -> None:
        """Record a failure."""
        self._write(logging.ERROR, event, fields)

    def _write(self, level: int, event: str, fields: Mapping[str, object]) -> None:
        for name, value in fields.items():
            if name not in ALLOWED_FIELDS:
                message = f"field {name!r} is not on the list of loggable fields"
                raise ForbiddenFieldError(message)
            if not isinstance(value, LogValue):
                message = f"field {name!r} may not hold a {type(value).__name__}"
                raise ForbiddenFieldError(message)
            if isinstance(value, str) and len(value) > _MAXIMUM_TEXT:
                message = f"field {name!r} is longer than {_MAXIMUM_TEXT} characters"
                raise ForbiddenFieldError(message)
        self._logger.log(level, event, extra={"facts": fields})


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON.

    Exception texts are left out: those of foreign libraries may hold values. The
    type of the exception is kept.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "component": record.name,
            "event": record.getMessage(),
        }
        line |= {
            name: str(value) if isinstance(value, UUID) else value
            for name, value in getattr(record, "facts", {}).items()
        }
        if record.exc_info and record.exc_info[0]:
            line["exception"] = record.exc_info[0].__name__
        return json.dumps(line)


def configure_logging() -> None:
    """Send unlearn's own events to standard error, one JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("unlearn")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
