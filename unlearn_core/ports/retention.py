"""What the database keeps of a closed request, counted and deleted kind by kind."""

from typing import Protocol

from unlearn_core.domain.requests import RequestId
from unlearn_core.domain.retention import Kind


class Holdings(Protocol):
    """Rows of requests: messages, commitments, the request, content of the ledger.

    Of `Kind.LEDGER_CONTENT`, payloads and salts go and the entries stay; entries that
    tell of retention keep theirs.
    """

    def count(self, kind: Kind, request_id: RequestId) -> int:
        """Return how much of a kind there is; 0 for a kind that is kept elsewhere."""
        ...

    def delete(self, kind: Kind, request_id: RequestId) -> None:
        """Delete a kind for good; what is not there is no error."""
        ...
