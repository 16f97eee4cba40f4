"""A place for checkpoints in memory."""

from collections.abc import Iterator

from unlearn_core.domain.checkpoints import read_note
from unlearn_core.errors import StorageError
from unlearn_core.ports import Prove


class MemoryKeeper:
    """`CheckpointKeeper` in memory.

    Attributes:
        is_reachable: Whether the place answers.
    """

    def __init__(self) -> None:
        self.is_reachable = True
        self._notes: list[bytes] = []

    @property
    def name(self) -> str:
        """Return the name of the place."""
        return "memory"

    def publish(self, note: bytes, *, prove: Prove) -> bytes:
        """Keep a checkpoint beside the earlier ones."""
        self._check_reachable()
        new, _ = read_note(note)
        if self._notes:
            latest, _ = read_note(self._notes[-1])
            path = prove(latest.size) if latest.size <= new.size else ()
            latest.check_extended(new, path)
        if note not in self._notes:
            self._notes.append(note)
        return note

    def kept(self) -> Iterator[bytes]:
        """Yield the checkpoints that are kept, smallest first."""
        self._check_reachable()
        yield from tuple(self._notes)

    def _check_reachable(self) -> None:
        if not self.is_reachable:
            raise StorageError(place="memory")
