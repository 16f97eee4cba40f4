"""Attacks the registry and looks what the inference service makes of it."""

import json
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from unlearn_core.demo.wiring import DemoTools
from unlearn_core.domain.canonical import canonical_json
from unlearn_core.domain.pointers import POINTER_TYPE, ServingPointer
from unlearn_core.modeling.bundles import PAIR_FILE
from unlearn_core.ports import RegisteredVersion

WAIT_SECONDS = 20.0


def forged_pointer_is_refused(address: str, tools: DemoTools) -> bool:
    """Change a byte of the signed pointer, as whoever can write to MLflow could."""
    before = _state(address)
    genuine = tools.registry.pointer(tools.base_model)
    if genuine is None:
        return False
    body = json.loads(genuine)
    body["payload"] = ("A" if body["payload"][0] != "A" else "B") + body["payload"][1:]
    tools.registry.publish_pointer(tools.base_model, canonical_json(body))
    refused = _settles(address, error="signature_invalid", sequence=before["sequence"])
    tools.registry.publish_pointer(tools.base_model, genuine)
    return refused and _settles(address, error="", sequence=before["sequence"])


def tampered_weights_are_refused(address: str, tools: DemoTools) -> bool:
    """Register weights with flipped bytes and point to them with a genuine signature.

    This is more than an outsider could do: the signing key is used. The digests of the
    signed manifest still do not match the weights.
    """
    before = _state(address)
    pointer = _read_pointer(tools)
    with TemporaryDirectory() as name:
        folder = Path(name)
        tools.registry.download(tools.base_model, pointer.version, folder)
        weights = bytearray((folder / PAIR_FILE).read_bytes())
        weights[-1] ^= 1
        (folder / PAIR_FILE).write_bytes(weights)
        run = tools.runs.start("tampered", {})
        version = tools.registry.register(
            tools.base_model,
            folder,
            version=RegisteredVersion(
                version="",
                manifest=pointer.manifest,
                sequence=pointer.sequence + 1,
                request_id="none",
            ),
            run=run,
        )
    _publish(
        replace(
            pointer,
            version=version.version,
            sequence=pointer.sequence + 1,
            # Another manifest digest makes the service fetch the tampered bundle.
            manifest=type(pointer.manifest)(pointer.manifest[:-1] + "0"),
            issued_at=pointer.issued_at + timedelta(seconds=1),
        ),
        tools,
    )
    return _settles(address, error="digest_mismatch", sequence=before["sequence"])


def _read_pointer(tools: DemoTools) -> ServingPointer:
    envelope = tools.registry.pointer(tools.base_model) or b""
    payload = tools.opener.open(envelope, payload_type=POINTER_TYPE)
    return ServingPointer.from_json(json.loads(payload))


def _publish(pointer: ServingPointer, tools: DemoTools) -> None:
    envelope = tools.signer.sign(
        canonical_json(pointer.to_json()), payload_type=POINTER_TYPE
    )
    tools.registry.publish_pointer(tools.base_model, envelope)


def _settles(address: str, *, error: str, sequence: int) -> bool:
    """Wait until the service reports an error, and serves what it served before."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        state = _state(address)
        if state["last_error"] == error and state["sequence"] == sequence:
            return bool(state["is_ready"])
        time.sleep(0.2)
    return False


def _state(address: str) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(f"{address}/state").json()
    return answer
