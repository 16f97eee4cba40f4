"""The ledger: an append-only chain of what happened, each entry hashing the last.

An entry's hash covers every field and the previous hash, so editing, deleting,
reordering or inserting an entry breaks the chain from there on. Cutting off the
end does not; comparing the head with a copy kept elsewhere (a certificate holds
one) detects that.

Entries hold counts, digests, names from the configuration and verdicts. Never a
personal value.

When the time of a request's evidence is over, the payloads of its entries are
destroyed and with them the possibility to compute their hashes. The hashes stay, so
the chain does too; and since nothing may be emptied in silence, another entry of the
request has to announce it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from unlearn_core.domain.canonical import (
    Digest,
    JsonValue,
    canonical_json,
    digest_of,
)
from unlearn_core.domain.requests import RequestId
from unlearn_core.errors import LedgerBrokenError

GENESIS = Digest("sha256:" + "0" * 64)
RETENTION_ANNOUNCED = "retention_announced"
RETENTION_APPLIED = "retention_applied"
LEDGER_CONTENT = "ledger_content"
"""The kind of data that an announcement names before payloads are destroyed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One event.

    Attributes:
        sequence: Position in the ledger, from 1 without gaps.
        recorded_at: Moment of writing, UTC, microseconds kept.
        request_id: The request it belongs to, if any.
        event: What happened: a `Stage` value or another past participle.
        payload: Non-personal facts.
        fencing_token: Token of the lease under which it was written; 0 for
            entries written outside a lease, such as the receipt.
        previous_hash: Hash of the entry before, `GENESIS` for the first.
        entry_hash: Hash of this entry.
        is_erased: Whether the payload was destroyed; it is empty then.
    """

    sequence: int
    recorded_at: datetime
    request_id: RequestId | None
    event: str
    payload: Mapping[str, JsonValue]
    fencing_token: int
    previous_hash: Digest
    entry_hash: Digest = GENESIS
    is_erased: bool = False

    def hashed_bytes(self) -> bytes:
        """Return the canonical form of every field but the hash."""
        return canonical_json(
            {
                "sequence": self.sequence,
                "recorded_at": self.recorded_at.astimezone(UTC).isoformat(
                    timespec="microseconds"
                ),
                "request_id": str(self.request_id) if self.request_id else None,
                "event": self.event,
                "payload": None if self.is_erased else self.payload,
                "fencing_token": self.fencing_token,
                "previous_hash": self.previous_hash,
            }
        )

    def computed_hash(self) -> Digest:
        """Return the hash that this entry must carry."""
        return digest_of(self.hashed_bytes())

    def sealed(self) -> "LedgerEntry":
        """Return the entry with its hash filled in."""
        return replace(self, entry_hash=self.computed_hash())


def verify_chain(
    entries: Iterable[LedgerEntry], *, expected_head: Digest | None = None
) -> int:
    """Check a whole ledger.

    Args:
        entries: All entries in order.
        expected_head: Hash of an entry that must be present, from a copy outside
            the operator's reach.

    Returns:
        The number of entries.

    Raises:
        LedgerBrokenError: A sequence number, link or hash is wrong, the expected
            head is missing, or a payload is, and no other entry says why.
    """
    previous, count, head_seen = GENESIS, 0, expected_head in (None, GENESIS)
    empty: dict[RequestId | None, int] = {}
    announced: set[RequestId | None] = set()
    for entry in entries:
        count += 1
        if entry.sequence != count:
            raise LedgerBrokenError(problem="gap", at=count)
        if entry.previous_hash != previous:
            raise LedgerBrokenError(problem="broken link", at=count)
        if entry.is_erased:
            empty.setdefault(entry.request_id, count)
        elif entry.entry_hash != entry.computed_hash():
            raise LedgerBrokenError(problem="changed entry", at=count)
        elif announces_erasure(entry):
            announced.add(entry.request_id)
        previous = entry.entry_hash
        head_seen = head_seen or previous == expected_head
    if not head_seen:
        raise LedgerBrokenError(problem="expected head missing", entries=count)
    for request_id in empty.keys() - announced:
        raise LedgerBrokenError(problem="emptied entry", at=empty[request_id])
    return count


def announces_erasure(entry: LedgerEntry) -> bool:
    """Tell whether payloads of this request's entries may be gone."""
    kinds = entry.payload.get("kinds")
    is_told = entry.event == RETENTION_ANNOUNCED and entry.request_id is not None
    return is_told and isinstance(kinds, dict) and LEDGER_CONTENT in kinds
