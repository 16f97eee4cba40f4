"""What is kept of closed requests, in memory."""

from dataclasses import replace

from unlearn_core.adapters.memory.records import MemoryRequestStore
from unlearn_core.domain.ledger import RETENTION_ANNOUNCED, RETENTION_APPLIED
from unlearn_core.domain.requests import RequestId
from unlearn_core.domain.retention import Kind

_STAYS = (RETENTION_ANNOUNCED, RETENTION_APPLIED)


class MemoryHoldings:
    """`Holdings` over a store in memory, which posts no messages."""

    def __init__(self, store: MemoryRequestStore) -> None:
        self._store = store

    def count(self, kind: Kind, request_id: RequestId) -> int:
        """Return how much of a kind there is."""
        request = self._store.rows.get(request_id)
        match kind:
            case Kind.REQUEST:
                return int(request is not None)
            case Kind.COMMITMENTS:
                return len(request.commitments) if request else 0
            case Kind.LEDGER_CONTENT:
                return len(self._filled(request_id))
            case _:
                return 0

    def delete(self, kind: Kind, request_id: RequestId) -> None:
        """Delete a kind."""
        rows = self._store.rows
        match kind:
            case Kind.REQUEST:
                rows.pop(request_id, None)
            case Kind.COMMITMENTS if request_id in rows:
                rows[request_id] = replace(rows[request_id], commitments=())
            case Kind.LEDGER_CONTENT:
                for at in self._filled(request_id):
                    self._store.empty(at)
            case _:
                pass

    def _filled(self, request_id: RequestId) -> list[int]:
        return [
            entry.sequence
            for entry in self._store.entries(request_id)
            if not entry.is_erased and entry.event not in _STAYS
        ]
