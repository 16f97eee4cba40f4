"""The drill: what was signed before a rotation verifies after it."""

from pathlib import Path

import pytest
from support.log import checkpoint
from support.verdicts import certificate

from unlearn_core.adapters.envelopes import EnvelopeSigner, TrustedEnvelopes
from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.adapters.notes import Ed25519NoteSigner, TrustedNotes
from unlearn_core.adapters.rotation import RotationRefusedError, SigningKeys
from unlearn_core.domain.certificates import PAYLOAD_TYPE, check_certificate
from unlearn_core.domain.checkpoints import CheckpointInvalidError
from unlearn_core.errors import SignatureInvalidError


@pytest.fixture
def keys(tmp_path: Path) -> KeyDirectory:
    """Return a directory with all keys."""
    keys = KeyDirectory(tmp_path)
    keys.create()
    return keys


def sign(keys: KeyDirectory) -> tuple[bytes, bytes]:
    """Sign a certificate and a checkpoint with the present key."""
    signer = keys.signer()
    return (
        EnvelopeSigner(signer).sign(certificate().payload(), payload_type=PAYLOAD_TYPE),
        Ed25519NoteSigner(checkpoint(3).origin, signer).sign(checkpoint(3)),
    )


def check(keys: KeyDirectory, envelope: bytes, note: bytes) -> None:
    """Check both with the public keys."""
    opener = TrustedEnvelopes(keys.trusted())
    assert (
        check_certificate(
            envelope,
            open_envelope=lambda raw: opener.open(raw, payload_type=PAYLOAD_TYPE),
        )
        == certificate()
    )
    assert TrustedNotes(keys.trusted()).open(note) == checkpoint(3)


def test_old_and_new_documents_verify_after_a_rotation(keys: KeyDirectory) -> None:
    before = sign(keys)
    prepared = SigningKeys(keys).prepare()
    # Everybody who has the new trust.json believes both; the old key still signs.
    assert sign(keys) == before
    old, new = SigningKeys(keys).rotate()
    assert (new, old != new) == (prepared, True)
    after = sign(keys)
    assert after != before
    check(keys, *before)
    check(keys, *after)


def test_whoever_missed_the_new_public_key_refuses_what_it_signs(
    keys: KeyDirectory, tmp_path: Path
) -> None:
    before = TrustedEnvelopes(keys.trusted())
    SigningKeys(keys).prepare()
    SigningKeys(keys).rotate()
    with pytest.raises(SignatureInvalidError):
        before.open(sign(keys)[0], payload_type=PAYLOAD_TYPE)
    assert not (tmp_path / "signing.next.pem").exists()


def test_a_distrusted_key_takes_everything_along_that_it_signed(
    keys: KeyDirectory,
) -> None:
    envelope, note = sign(keys)
    SigningKeys(keys).prepare()
    old, _ = SigningKeys(keys).rotate()
    SigningKeys(keys).distrust(old)
    with pytest.raises(SignatureInvalidError):
        TrustedEnvelopes(keys.trusted()).open(envelope, payload_type=PAYLOAD_TYPE)
    with pytest.raises(CheckpointInvalidError):
        TrustedNotes(keys.trusted()).open(note)
    check(keys, *sign(keys))


def test_preparing_again_keeps_the_prepared_key(keys: KeyDirectory) -> None:
    """As after a crash between the key and trust.json."""
    first = SigningKeys(keys).prepare()
    assert SigningKeys(keys).prepare() == first
    assert len(keys.trusted()) == 2


def test_steps_out_of_turn_are_refused(keys: KeyDirectory) -> None:
    signing = SigningKeys(keys)
    with pytest.raises(RotationRefusedError, match="not prepared"):
        signing.rotate()
    trust = keys.trust_file.read_bytes()
    signing.prepare()
    # Somebody put the old trust.json back.
    keys.trust_file.write_bytes(trust)
    with pytest.raises(RotationRefusedError, match="not trusted"):
        signing.rotate()
    with pytest.raises(RotationRefusedError, match="in use"):
        signing.distrust(keys.signer().public_key.keyid)
    with pytest.raises(RotationRefusedError, match="not trusted"):
        signing.distrust("nobody")


def test_new_files_are_for_nobody_else_to_read(
    keys: KeyDirectory, tmp_path: Path
) -> None:
    SigningKeys(keys).prepare()
    SigningKeys(keys).rotate()
    for name in ("signing.pem", "trust.json"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
