"""News about requests for the controller's own systems, signed, about nobody.

The form is that of `Standard Webhooks <https://www.standardwebhooks.com>`_: a receiver
checks ``webhook-signature`` over id, timestamp and body with a shared secret, and knows
a repetition by its id.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from unlearn_core.adapters.posting import post
from unlearn_core.domain.dispatches import Route
from unlearn_core.ports import Message
from unlearn_core.privacy import Personal

EVENT = "erasure_request."
SHORTEST_KEY = 24  # bytes
SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, not a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCarrier:
    """`Carrier` that posts JSON to one address.

    Attributes:
        url: Who is told.
        secret: ``whsec_`` and the key in base64.
        now: The clock; receivers refuse old timestamps.
    """

    url: str
    secret: SecretStr
    now: Callable[[], datetime]

    @property
    def route(self) -> Route:
        """Return the way to this address."""
        return route_to(self.url)

    def carry(self, message: Message, *, to: Personal[str] | None) -> None:
        """Post a message; the subject's address is unused."""
        del to
        self.post(message.reference, _body(message))

    def post(self, reference: str, body: bytes) -> None:
        """Post JSON, signed.

        Raises:
            MessageRefusedError: The address is given up; ``reason`` is a code.
            CarrierUnavailableError: It may be taken later; ``reason`` is a code.
        """
        seconds = str(int(self.now().timestamp()))
        headers = {
            "webhook-id": reference,
            "webhook-timestamp": seconds,
            "webhook-signature": signature(self.secret, reference, seconds, body),
        }
        post(self.url, body, headers)


def route_to(url: str) -> Route:
    """Return the way to an address; its name does not tell the address."""
    name = hashlib.sha256(url.encode()).hexdigest()[:8]
    return Route(channel=f"webhook-{name}", needs_address=False)


def is_strong(secret: SecretStr) -> bool:
    """Tell whether a secret is base64 of at least 24 bytes, as the form demands."""
    try:
        return len(_key(secret)) >= SHORTEST_KEY
    except ValueError:
        return False


def signature(secret: SecretStr, reference: str, seconds: str, body: bytes) -> str:
    """Return ``v1,`` and HMAC-SHA256 of ``id.timestamp.body`` in base64.

    Raises:
        ValueError: The secret is not base64.
    """
    signed = f"{reference}.{seconds}.".encode() + body
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: SecretStr) -> bytes:
    encoded = secret.get_secret_value().removeprefix(SECRET_PREFIX)
    return base64.b64decode(encoded, validate=True)


def _body(message: Message) -> bytes:
    request, until = message.request, message.cancel_until
    return json.dumps(
        {
            "type": EVENT + message.template,
            "timestamp": message.at.isoformat(),
            "data": {
                "request_id": str(request.request_id),
                "due_on": request.deadline.due_on.isoformat(),
                **({"cancel_until": until.isoformat()} if until else {}),
            },
        }
    ).encode()
