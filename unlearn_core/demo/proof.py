"""What the demo proves at the end: certificate and ledger, whole and changed."""

import random
from pathlib import Path
from typing import Any

from unlearn_core.demo.wiring import DemoTools
from unlearn_core.domain.certificates import PAYLOAD_TYPE, check_certificate
from unlearn_core.domain.ledger import verify_chain
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.errors import IntegrityError

CHANGED_BYTES = 64


def every_changed_byte_is_refused(certificate: Path, tools: DemoTools) -> bool:
    """Change bytes of a certificate one at a time; each change must be noticed."""
    genuine = certificate.read_bytes()
    places = random.Random(0).sample(range(len(genuine)), CHANGED_BYTES)
    return _is_accepted(genuine, tools) and not any(
        _is_accepted(_changed(genuine, place), tools) for place in places
    )


def ledger_is_valid(tools: DemoTools) -> bool:
    """Recompute the whole chain."""
    try:
        return verify_chain(tools.ledger.entries()) > 0
    except IntegrityError:
        return False


def payload_of(tools: DemoTools, request_id: RequestId, stage: Stage) -> dict[str, Any]:
    """Return what was recorded for a stage, empty if it was not reached."""
    found: dict[str, Any] = {}
    for entry in tools.ledger.entries(request_id):
        if entry.event == stage:
            found = dict(entry.payload)
    return found


def _is_accepted(certificate: bytes, tools: DemoTools) -> bool:
    try:
        check_certificate(
            certificate,
            open_envelope=lambda raw: tools.opener.open(raw, payload_type=PAYLOAD_TYPE),
        )
    except IntegrityError:
        return False
    return True


def _changed(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)
