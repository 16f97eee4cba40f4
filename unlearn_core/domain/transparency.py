"""What stands in the Merkle log: a salted commitment to every ledger entry.

A leaf shows nothing about its entry. Whoever is given entry and salt can check that
this entry, at this place, is what the log speaks for; once the salt is destroyed,
only existence and order remain.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.merkle import leaf_hash
from unlearn_core.errors import LedgerBrokenError

SALT_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLeaf:
    """One leaf of the log; leaf `i` belongs to the entry with sequence `i + 1`.

    Attributes:
        sequence: Sequence of the entry.
        salt: 32 random bytes, known to whoever keeps the ledger; empty once destroyed.
        commitment: HMAC-SHA256 of the entry's fields under the salt; the data of the
            leaf.
    """

    sequence: int
    salt: bytes
    commitment: bytes

    @classmethod
    def of(cls, entry: LedgerEntry, salt: bytes) -> "LogLeaf":
        """Return the leaf of an entry under a salt."""
        commitment = hmac.new(salt, entry.hashed_bytes(), hashlib.sha256).digest()
        return cls(sequence=entry.sequence, salt=salt, commitment=commitment)

    @property
    def hash(self) -> bytes:
        """Return the hash that the tree is built from."""
        return leaf_hash(self.commitment)

    def commits_to(self, entry: LedgerEntry) -> bool:
        """Tell whether this is the leaf of an entry.

        The leaf of an erased entry has lost its salt, so all it can be held against
        is its place.
        """
        if entry.is_erased or not self.salt:
            is_bare = entry.is_erased and not self.salt
            return is_bare and self.sequence == entry.sequence
        return self == LogLeaf.of(entry, self.salt)


def leaf_of(entry: LedgerEntry) -> LogLeaf:
    """Return a new leaf, with fresh salt, for an entry that was just written."""
    return LogLeaf.of(entry, secrets.token_bytes(SALT_BYTES))


def matched(
    entries: Iterable[LedgerEntry], leaves: Iterable[LogLeaf]
) -> Iterator[tuple[LedgerEntry, LogLeaf]]:
    """Yield every entry with its leaf.

    Raises:
        LedgerBrokenError: There is one without the other, or they do not match.
    """
    waiting, at = iter(leaves), 0
    for at, entry in enumerate(entries, start=1):
        leaf = next(waiting, None)
        if leaf is None:
            raise LedgerBrokenError(problem="leaf missing", at=at)
        if not leaf.commits_to(entry):
            raise LedgerBrokenError(problem="leaf of another entry", at=at)
        yield entry, leaf
    if next(waiting, None) is not None:
        raise LedgerBrokenError(problem="leaf without an entry", at=at + 1)
