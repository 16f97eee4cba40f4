"""Work on many requests of which one may fail: the others do not wait for it."""

from collections.abc import Iterator
from contextlib import contextmanager

from unlearn_core.domain.requests import RequestId
from unlearn_core.errors import UnlearnError
from unlearn_core.observability import EventLog


class OneByOne:
    """Goes on after a request that fails, and fails in the end.

    Args:
        component: Who does the work, for the log.
    """

    def __init__(self, component: str) -> None:
        self._log = EventLog(component)
        self._errors: dict[RequestId, UnlearnError] = {}

    def __contains__(self, request_id: RequestId) -> bool:
        """Tell whether a request has failed."""
        return request_id in self._errors

    @contextmanager
    def of(self, request_id: RequestId) -> Iterator[None]:
        """Log an error of one request and keep it for the end."""
        try:
            yield
        except UnlearnError as error:
            self._log.error(
                "request_passed_over", request_id=request_id, code=error.code
            )
            self._errors.setdefault(request_id, error)

    def end(self) -> None:
        """Raise the first error, if there was any."""
        for error in self._errors.values():
            raise error
