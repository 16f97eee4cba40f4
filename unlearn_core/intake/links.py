"""Opaque links to status pages.

A request id is shown to operators, to Prefect and to MLflow, so knowing it must open
nothing. A link carries a keyed code beside it that only intake can compute; nothing is
stored. Links of earlier pseudonym keys stay valid as long as these are kept.
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
        return _token(request_id, self.pseudonymiser)

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
        known = [
            hmac.compare_digest(token.encode(), _token(request_id, key).encode())
            for key in self.pseudonymiser.all
        ]
        if not any(known):
            raise UnknownRequestError
        return request_id


def _token(request_id: RequestId, key: Pseudonymiser) -> str:
    commitment = key.commit(purpose=PURPOSE, value=Personal(str(request_id)))
    code = bytes.fromhex(commitment.rpartition(":")[2])[:CODE_BYTES]
    return base64.urlsafe_b64encode(request_id.bytes + code).decode().rstrip("=")
