"""Opaque links to status pages.

A request id is shown to operators, to Prefect and to MLflow, so knowing it must open
nothing. A link carries a keyed code beside it that only intake can compute; nothing is
stored. Replacing the pseudonym key ends the validity of all links.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass
from uuid import UUID

from unlearn_core.domain.requests import RequestId
from unlearn_core.errors import UnknownRequestError
from unlearn_core.privacy import Personal, Pseudonymiser

PURPOSE = "status-link"
CODE_BYTES = 16

_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class StatusLinks:
    """Makes and reads the tokens of status links."""

    pseudonymiser: Pseudonymiser

    def token(self, request_id: RequestId) -> str:
        """Return the token of a request: 43 characters that fit into an address."""
        raw = request_id.bytes + self._code(request_id)
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def address(self, request_id: RequestId, *, at: str) -> str:
        """Return the whole address of a status page, given that of the service."""
        return f"{at.rstrip('/')}/status/{self.token(request_id)}"

    def read(self, token: str) -> RequestId:
        """Return the request of a token.

        Raises:
            UnknownRequestError: The token was not made here.
        """
        try:
            raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=")
            request_id = RequestId(UUID(bytes=raw[:_ID_BYTES]))
        except (ValueError, binascii.Error):
            raise UnknownRequestError from None
        # The whole token is compared, so that no other spelling of it is accepted.
        expected = self.token(request_id)
        if not hmac.compare_digest(token.encode(), expected.encode()):
            raise UnknownRequestError
        return request_id

    def _code(self, request_id: RequestId) -> bytes:
        value = Personal(str(request_id))
        commitment = self.pseudonymiser.commit(purpose=PURPOSE, value=value)
        return bytes.fromhex(commitment.rpartition(":")[2])[:CODE_BYTES]
