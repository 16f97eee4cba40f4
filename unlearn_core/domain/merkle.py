"""The Merkle tree of RFC 6962 and RFC 9162, section 2.1, over SHA-256.

A tree's root speaks for every leaf and their order. Two kinds of proof need only a
logarithm of the leaves: that a leaf is in a tree, and that a tree is the beginning of
another. Hashes are 32 bytes, indices start at 0.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()

Path = tuple[bytes, ...]
"""Hashes of a proof, in the order of the RFC: from the leaves upwards."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that grows, in a logarithm of its leaves: the roots of its full parts."""

    def __init__(self) -> None:
        self.size = 0
        self._parts: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add the hash of one more leaf."""
        self._parts.append(leaf)
        self.size += 1
        filled = self.size
        while filled % 2 == 0:
            right, left = self._parts.pop(), self._parts.pop()
            self._parts.append(node_hash(left, right))
            filled //= 2

    def root(self) -> bytes:
        """Return the root of the tree so far."""
        if not self._parts:
            return EMPTY_ROOT
        *parts, root = self._parts
        for part in reversed(parts):
            root = node_hash(part, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root of a tree, of its leaves' hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


class Tree:
    """A tree with all its leaves, to make proofs from.

    Args:
        leaves: The leaves' hashes in order.
    """

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._leaves = leaves
        # Roots of full parts are asked for again and again.
        self._full: dict[tuple[int, int], bytes] = {}

    @property
    def size(self) -> int:
        """Return the number of leaves."""
        return len(self._leaves)

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the first leaves, of all if no number is given."""
        return self._root(0, self.size if size is None else size)

    def inclusion(self, index: int, size: int) -> Path:
        """Prove that a leaf is in the tree of the first leaves: RFC 9162, 2.1.3.1.

        Raises:
            IndexError: There is no such leaf in a tree of this size.
        """
        if not 0 <= index < size <= len(self._leaves):
            raise IndexError
        return tuple(self._inclusion(index, 0, size))

    def consistency(self, earlier: int, later: int) -> Path:
        """Prove that a tree is the beginning of another: RFC 9162, 2.1.4.1.

        Raises:
            IndexError: The sizes are not in order or too large.
        """
        if not 0 <= earlier <= later <= len(self._leaves):
            raise IndexError
        if earlier in (0, later):
            return ()
        return tuple(self._consistency(earlier, 0, later, is_whole=True))

    def _inclusion(self, index: int, start: int, stop: int) -> Iterator[bytes]:
        if stop - start == 1:
            return
        middle = start + _split(stop - start)
        if index < middle:
            yield from self._inclusion(index, start, middle)
            yield self._root(middle, stop)
        else:
            yield from self._inclusion(index, middle, stop)
            yield self._root(start, middle)

    def _consistency(
        self, earlier: int, start: int, stop: int, *, is_whole: bool
    ) -> Iterator[bytes]:
        if earlier == stop - start:
            if not is_whole:
                yield self._root(start, stop)
            return
        left = _split(stop - start)
        if earlier <= left:
            yield from self._consistency(
                earlier, start, start + left, is_whole=is_whole
            )
            yield self._root(start + left, stop)
        else:
            yield from self._consistency(
                earlier - left, start + left, stop, is_whole=False
            )
            yield self._root(start, start + left)

    def _root(self, start: int, stop: int) -> bytes:
        width = stop - start
        if width == 1:
            return self._leaves[start]
        if width == 0:
            return EMPTY_ROOT
        if (start, stop) not in self._full:
            middle = start + _split(width)
            root = node_hash(self._root(start, middle), self._root(middle, stop))
            if width & (width - 1):
                return root
            self._full[start, stop] = root
        return self._full[start, stop]


def is_included(leaf: bytes, index: int, size: int, path: Path, root: bytes) -> bool:
    """Check a proof of inclusion: RFC 9162, 2.1.3.2."""
    if not 0 <= index < size or not _are_hashes(path):
        return False
    position, last, result = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if position % 2 or position == last:
            result = node_hash(sibling, result)
            while position and position % 2 == 0:
                position, last = position // 2, last // 2
        else:
            result = node_hash(result, sibling)
        position, last = position // 2, last // 2
    return last == 0 and result == root


def is_consistent(
    earlier: int, later: int, path: Path, *, before: bytes, after: bytes
) -> bool:
    """Check a proof of consistency: RFC 9162, 2.1.4.2.

    Args:
        earlier: Leaves of the smaller tree.
        later: Leaves of the larger one.
        path: The proof.
        before: Root of the smaller tree.
        after: Root of the larger one.
    """
    if not 0 <= earlier <= later or not _are_hashes(path):
        return False
    if earlier == later:
        return not path and before == after
    if earlier == 0:
        return not path and before == EMPTY_ROOT
    steps = [before, *path] if earlier & (earlier - 1) == 0 else list(path)
    return bool(steps) and _grown(earlier, later, steps) == (before, after)


def _grown(earlier: int, later: int, steps: list[bytes]) -> tuple[bytes, bytes] | None:
    """Return the roots of both trees that a proof leads to, if it leads anywhere."""
    position, last = earlier - 1, later - 1
    while position % 2:
        position, last = position // 2, last // 2
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return None
        if position % 2 or position == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while position and position % 2 == 0:
                position, last = position // 2, last // 2
        else:
            new = node_hash(new, step)
        position, last = position // 2, last // 2
    return (old, new) if last == 0 else None


def _are_hashes(path: Path) -> bool:
    """Tell whether no step can be mistaken for a part of another."""
    return all(len(step) == len(EMPTY_ROOT) for step in path)


def _split(width: int) -> int:
    """Return the largest power of two below a number of leaves."""
    return 1 << (width - 1).bit_length() - 1
