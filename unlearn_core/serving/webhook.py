"""Webhooks of the registry: hints that something may have changed.

A replica looks at the registry anyhow; a hint only makes it look sooner. Nothing of
what is sent is believed or even read, so a forged hint could cost a look at most. It
must be signed all the same, as MLflow signs its webhooks: HMAC-SHA256, in base64, of
delivery id, timestamp and body, joined by points.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, HTTPException, Request

from unlearn_core.serving.watcher import Watcher

PATH = "/webhook"
MAXIMUM_AGE_SECONDS = 300
"""Time after which a delivery cannot be repeated by whoever has overheard it."""


def add_webhook(app: FastAPI, watcher: Watcher, *, secret: bytes) -> None:
    """Let whoever knows a secret say that the registry has changed."""

    @app.post(PATH, status_code=HTTPStatus.ACCEPTED)
    async def take_hint(connection: Request) -> dict[str, str]:
        """Look at the registry soon."""
        body = await connection.body()
        if not is_signed(connection.headers, body, secret=secret, now=time.time()):
            raise HTTPException(HTTPStatus.UNAUTHORIZED)
        watcher.hint()
        return {"status": "accepted"}


def is_signed(
    headers: Mapping[str, str], body: bytes, *, secret: bytes, now: float
) -> bool:
    """Tell whether a delivery is recent and comes from who knows the secret.

    Args:
        headers: Those of the delivery, in any case that the mapping understands.
        body: What was delivered.
        secret: What registry and replica share.
        now: The time, in seconds since 1970.
    """
    timestamp = headers.get("x-mlflow-timestamp", "")
    if not (timestamp.isascii() and timestamp.isdecimal()):
        return False
    delivery = headers.get("x-mlflow-delivery-id", "")
    signed = f"{delivery}.{timestamp}.".encode() + body
    digest = hmac.digest(secret, signed, hashlib.sha256)
    expected = b"v1," + base64.b64encode(digest)
    given = headers.get("x-mlflow-signature", "").encode()
    # Read as a number only if signed: too many digits are an error.
    return hmac.compare_digest(given, expected) and (
        abs(now - int(timestamp)) <= MAXIMUM_AGE_SECONDS
    )
