"""Keys that a bucket is told with every call and does not keep (SSE-C).

The data map names a file, never the key: base64 of 32 bytes, as other key files are.
It is read when it is needed, so a process that never opens the source never has it.
"""

from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from unlearn_core.domain.callbacks import is_here
from unlearn_core.errors import InvalidDataMapError, SourceUnreadableError

KEY_BYTES = 32
ALGORITHM = "AES256"


class CustomerKey:
    """The key of one source's objects.

    Args:
        source: Name of the source.
        file: Where the key is; None if the source has none.
    """

    def __init__(self, source: str, file: str | None) -> None:
        self._source = source
        self._file = file

    def __bool__(self) -> bool:
        return self._file is not None

    def check_endpoint(self, url: str) -> None:
        """Make sure that the key is told through TLS, or on this machine alone.

        Raises:
            InvalidDataMapError: It would go over a network in the clear.
        """
        parts = urlsplit(url)
        if self and parts.scheme != "https" and not is_here(parts.hostname or ""):
            raise InvalidDataMapError(source=self._source, problem="key without TLS")

    def said(self) -> Mapping[str, str | bytes]:
        """Return what a call is told of the key.

        Raises:
            SourceUnreadableError: The file is missing or holds no key.
        """
        if self._file is None:
            return {}
        try:
            key = b64decode(Path(self._file).read_bytes().strip(), validate=True)
        except (OSError, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise SourceUnreadableError(source=self._source, problem="customer key")
        return {"SSECustomerAlgorithm": ALGORITHM, "SSECustomerKey": key}
