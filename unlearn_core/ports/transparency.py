"""The Merkle log over the ledger, and where its checkpoints are kept."""

from collections.abc import Callable, Iterator
from typing import Protocol

from unlearn_core.domain.checkpoints import Checkpoint
from unlearn_core.domain.merkle import Path
from unlearn_core.domain.transparency import LogLeaf

Prove = Callable[[int], Path]
"""Proves that the tree of so many leaves begins the tree of a new checkpoint."""


class LeafStore(Protocol):
    """The leaves of the log, written in one transaction with their entries."""

    def leaves(self) -> Iterator[LogLeaf]:
        """Yield the leaves in order."""
        ...


class NoteSigner(Protocol):
    """Signs checkpoints."""

    @property
    def origin(self) -> str:
        """Return the name of the log that the key speaks for."""
        ...

    def sign(self, checkpoint: Checkpoint) -> bytes:
        """Return a signed checkpoint.

        Raises:
            CheckpointInvalidError: It belongs to another log.
        """
        ...


class NoteOpener(Protocol):
    """Checks signed checkpoints with the trusted public keys."""

    def open(self, note: bytes) -> Checkpoint:
        """Return what a genuine checkpoint says.

        Raises:
            CheckpointInvalidError: Its form is wrong, or no trusted key signed it.
        """
        ...


class CheckpointKeeper(Protocol):
    """A place beyond the operator's reach that keeps checkpoints for good."""

    @property
    def name(self) -> str:
        """Return the name of the place, for ledger and log."""
        ...

    def publish(self, note: bytes, *, prove: Prove) -> bytes:
        """Keep a checkpoint beside the earlier ones; again changes nothing.

        Returns:
            The checkpoint, with the signatures that the place added.

        Raises:
            LogForkedError: It does not continue what is kept.
            StorageError: The place does not answer, or not as it should.
        """
        ...

    def kept(self) -> Iterator[bytes]:
        """Yield the checkpoints that are kept, smallest first.

        A witness that shows none yields none.

        Raises:
            StorageError: The place cannot be read.
        """
        ...
