"""The document of a request, from a file or standard input."""

import json
import sys
from pathlib import Path
from typing import Any

from unlearn_core.domain.subjects import DataSubject, parse_subject
from unlearn_core.errors import InvalidIdentifierError

STANDARD_INPUT = Path("-")


def read_submitted(file: Path) -> tuple[DataSubject, dict[str, Any]]:
    """Return whom a document is about, and all of it.

    Raises:
        InvalidIdentifierError: There is no such document, or it names nobody; what was
            read is never repeated.
    """
    try:
        data = sys.stdin.buffer.read() if file == STANDARD_INPUT else file.read_bytes()
        document: dict[str, Any] = json.loads(data)
        identifiers = document["identifiers"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidIdentifierError(problem="not a request document") from None
    except OSError as error:
        raise InvalidIdentifierError(problem="unreadable", errno=error.errno) from None
    if not isinstance(identifiers, dict):
        raise InvalidIdentifierError(problem="identifiers are not an object")
    return parse_subject(identifiers), document
