import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from unlearn_core.adapters.envelopes import EnvelopeSigner, TrustedEnvelopes
from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.domain.canonical import canonical_json
from unlearn_core.errors import SignatureInvalidError

TYPE = "application/vnd.unlearn.test+json"
PAYLOAD = b'{"sequence":7}'


@pytest.fixture
def keys(tmp_path: Path) -> KeyDirectory:
    """Return a key directory."""
    keys = KeyDirectory(tmp_path)
    keys.create()
    return keys


@pytest.fixture
def parsed(keys: KeyDirectory) -> dict[str, Any]:
    """Return a genuine envelope as JSON."""
    envelope = EnvelopeSigner(keys.signer()).sign(PAYLOAD, payload_type=TYPE)
    read: dict[str, Any] = json.loads(envelope)
    return read


def refuse(keys: KeyDirectory, envelope: bytes, *, problem: str) -> None:
    """Make sure that an envelope is refused for one reason."""
    with pytest.raises(SignatureInvalidError, match=problem):
        TrustedEnvelopes(keys.trusted()).open(envelope, payload_type=TYPE)


def test_the_signature_is_dsse_over_type_and_payload(
    keys: KeyDirectory, parsed: dict[str, Any]
) -> None:
    """Checked against the specification's own formula, not against the library."""
    assert set(parsed) == {"payload", "payloadType", "signatures"}
    (signature,) = parsed["signatures"]
    trust = json.loads(keys.trust_file.read_bytes())
    public = bytes.fromhex(trust[signature["keyid"]]["keyval"]["public"])
    signed = b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE.encode(), len(PAYLOAD), PAYLOAD)
    Ed25519PublicKey.from_public_bytes(public).verify(
        b64decode(signature["sig"]), signed
    )


def test_white_space_makes_it_another_file(
    keys: KeyDirectory, parsed: dict[str, Any]
) -> None:
    refuse(keys, json.dumps(parsed).encode(), problem="not in canonical form")


def test_an_entry_that_nobody_reads_is_refused(
    keys: KeyDirectory, parsed: dict[str, Any]
) -> None:
    parsed["comment"] = "harmless?"
    refuse(keys, canonical_json(parsed), problem="not in canonical form")


def test_an_entry_that_comes_twice_is_refused(
    keys: KeyDirectory, parsed: dict[str, Any]
) -> None:
    twice = b'{"payload":"AAAA",' + canonical_json(parsed)[1:]
    refuse(keys, twice, problem="not in canonical form")


def test_payload_in_another_spelling_of_base64_is_refused(
    keys: KeyDirectory, parsed: dict[str, Any]
) -> None:
    parsed["payload"] = parsed["payload"].rstrip("=") + "===="
    refuse(keys, canonical_json(parsed), problem="not")


def test_an_extra_signature_is_refused(
    keys: KeyDirectory, parsed: dict[str, Any], tmp_path: Path
) -> None:
    stranger = KeyDirectory(tmp_path / "stranger")
    stranger.create()
    second = EnvelopeSigner(stranger.signer()).sign(PAYLOAD, payload_type=TYPE)
    parsed["signatures"] += json.loads(second)["signatures"]
    refuse(keys, canonical_json(parsed), problem="not in canonical form")


def test_an_envelope_without_signature_is_refused(
    keys: KeyDirectory, parsed: dict[str, Any]
) -> None:
    parsed["signatures"] = []
    refuse(keys, canonical_json(parsed), problem="not in canonical form")


def test_a_changed_type_is_refused_even_when_it_is_expected(
    keys: KeyDirectory, parsed: dict[str, Any]
) -> None:
    parsed["payloadType"] = "application/json"
    envelope = canonical_json(parsed)
    refuse(keys, envelope, problem="another type")
    with pytest.raises(SignatureInvalidError, match="problem=signature"):
        TrustedEnvelopes(keys.trusted()).open(envelope, payload_type="application/json")


def test_a_changed_payload_is_refused(
    keys: KeyDirectory, parsed: dict[str, Any]
) -> None:
    parsed["payload"] = b64encode(b'{"sequence":8}').decode()
    refuse(keys, canonical_json(parsed), problem="problem=signature")


def test_a_signature_under_a_trusted_name_by_another_key_is_refused(
    keys: KeyDirectory, parsed: dict[str, Any], tmp_path: Path
) -> None:
    stranger = KeyDirectory(tmp_path / "stranger")
    stranger.create()
    forged = EnvelopeSigner(stranger.signer()).sign(PAYLOAD, payload_type=TYPE)
    other = json.loads(forged)
    other["signatures"][0]["keyid"] = parsed["signatures"][0]["keyid"]
    refuse(keys, canonical_json(other), problem="problem=signature")


def test_any_of_several_trusted_keys_may_have_signed(
    keys: KeyDirectory, parsed: dict[str, Any], tmp_path: Path
) -> None:
    """A key can be rotated while older documents stay valid."""
    newer = KeyDirectory(tmp_path / "newer")
    newer.create()
    both = TrustedEnvelopes([*newer.trusted(), *keys.trusted()])
    assert both.open(canonical_json(parsed), payload_type=TYPE) == PAYLOAD


def test_without_trusted_keys_nothing_is_genuine(parsed: dict[str, Any]) -> None:
    with pytest.raises(SignatureInvalidError):
        TrustedEnvelopes([]).open(canonical_json(parsed), payload_type=TYPE)
