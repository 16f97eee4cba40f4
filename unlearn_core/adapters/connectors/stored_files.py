"""Where the files of a source are: what folders and buckets have in common."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import IO, Protocol

Copy = Callable[[IO[bytes], IO[bytes]], None]


class Files(Protocol):
    """Where the files of a source are."""

    def names(self) -> list[str]:
        """Return the present files, in a fixed order.

        Raises:
            SourceUnreadableError: There is none, or they cannot be listed.
        """
        ...

    def sizes(self) -> dict[str, int]:
        """Return the same files with their sizes in bytes.

        Raises:
            SourceUnreadableError: There is none, or they cannot be listed.
        """
        ...

    def state(self, name: str) -> tuple[int, str]:
        """Return the size of a file, and what changes whenever it is written to.

        Raises:
            SourceUnreadableError: It cannot be looked at.
        """
        ...

    def former(self) -> list[str]:
        """Return versions that were replaced and are still kept, as names."""
        ...

    def open(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Open a file or a former version.

        Raises:
            SourceUnreadableError: It cannot be opened.
        """
        ...

    def rewrite(self, name: str, copy: Copy) -> None:
        """Replace a file as a whole by what is copied from it.

        Raises:
            SourceChangedError: Somebody else wrote to it meanwhile.
            StorageError: It cannot be written; the file is as it was.
        """
        ...

    def remove(self, name: str) -> None:
        """Remove a file or a former version; an absent one is no error."""
        ...

    def leftovers(self) -> list[str]:
        """Return what rewriting left behind that died half-way."""
        ...

    def tidy(self) -> None:
        """Remove what rewriting left behind that died half-way."""
        ...
