import hmac
from dataclasses import replace

import pytest
from support.domain import ledger, ledger_entry

from unlearn_core.domain.merkle import leaf_hash
from unlearn_core.domain.transparency import LogLeaf, leaf_of, matched
from unlearn_core.errors import LedgerBrokenError

ENTRIES = ledger("received", "acknowledged", "identity_verified")
LEAVES = [leaf_of(entry) for entry in ENTRIES]


def test_a_leaf_is_a_keyed_digest_of_the_canonical_entry() -> None:
    entry, salt = ledger_entry(), bytes(range(32))
    leaf = LogLeaf.of(entry, salt)
    assert leaf.commitment == hmac.digest(salt, entry.hashed_bytes(), "sha256")
    assert leaf.hash == leaf_hash(leaf.commitment)
    assert leaf.commits_to(entry)


def test_the_same_entry_never_has_the_same_leaf_twice() -> None:
    """Without the salt nobody can try out what an entry says."""
    assert len({leaf_of(ENTRIES[0]).hash for _ in range(20)}) == 20


def test_a_leaf_commits_to_one_entry_only() -> None:
    leaf = LEAVES[0]
    assert not leaf.commits_to(replace(ENTRIES[0], payload={"count": 2}))
    assert not leaf.commits_to(ENTRIES[1])
    assert not replace(leaf, salt=bytes(32)).commits_to(ENTRIES[0])


def test_entries_and_leaves_are_matched_in_order() -> None:
    assert list(matched(ENTRIES, LEAVES)) == list(zip(ENTRIES, LEAVES, strict=True))


@pytest.mark.parametrize(
    ("leaves", "problem"),
    [
        (LEAVES[:2], "leaf missing, at=3"),
        ([*LEAVES, LEAVES[0]], "leaf without an entry, at=4"),
        ([LEAVES[1], LEAVES[0], LEAVES[2]], "leaf of another entry, at=1"),
    ],
)
def test_one_without_the_other_is_reported(leaves: list[LogLeaf], problem: str) -> None:
    with pytest.raises(LedgerBrokenError, match=f"problem={problem}"):
        list(matched(ENTRIES, leaves))


def test_the_leaf_of_an_emptied_entry_has_lost_its_salt_and_keeps_its_place() -> None:
    entry = ledger_entry()
    leaf = leaf_of(entry)
    emptied, bare = replace(entry, payload={}, is_erased=True), replace(leaf, salt=b"")
    assert bare.commits_to(emptied)
    assert bare.hash == leaf.hash
    # One without the other is no erasure, and neither is another place.
    assert not leaf.commits_to(emptied)
    assert not bare.commits_to(entry)
    assert not replace(bare, sequence=2).commits_to(emptied)
