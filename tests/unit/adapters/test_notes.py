import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from support.log import NOTE_SIGNER, NOTES, ORIGIN, SIGNER, STRANGER, checkpoint, note

from unlearn_core.adapters.notes import Ed25519NoteSigner, TrustedNotes
from unlearn_core.domain.checkpoints import (
    CheckpointInvalidError,
    NoteSignature,
    key_id,
    read_note,
    write_note,
)


def test_a_signed_checkpoint_gives_back_what_it_says() -> None:
    assert NOTES.open(note(13)) == checkpoint(13)


def test_the_signature_is_plain_ed25519_over_the_text() -> None:
    """Any implementation of signed notes can check it."""
    (line,) = read_note(note(13))[1]
    public = bytes.fromhex(SIGNER.public_key.keyval["public"])
    Ed25519PublicKey.from_public_bytes(public).verify(
        line.signature, checkpoint(13).text()
    )
    assert (line.name, line.key_id) == (ORIGIN, key_id(ORIGIN, public))


def test_no_byte_of_text_or_signature_can_change() -> None:
    signed = note(13)
    for place in range(len(signed)):
        changed = bytearray(signed)
        changed[place] ^= 1
        with pytest.raises(CheckpointInvalidError):
            NOTES.open(bytes(changed))


def test_a_stranger_is_not_believed() -> None:
    forged = Ed25519NoteSigner(ORIGIN, STRANGER).sign(checkpoint(13))
    with pytest.raises(CheckpointInvalidError, match="signature"):
        NOTES.open(forged)


def test_a_strangers_signature_under_the_key_id_of_ours_is_not_believed() -> None:
    (genuine,) = read_note(note(13))[1]
    (other,) = read_note(Ed25519NoteSigner(ORIGIN, STRANGER).sign(checkpoint(13)))[1]
    forged = NoteSignature(ORIGIN, genuine.key_id, other.signature)
    with pytest.raises(CheckpointInvalidError, match="signature"):
        NOTES.open(write_note(checkpoint(13), forged))


@pytest.mark.parametrize("length", [0, 1, 63, 65])
def test_a_signature_of_another_length_is_not_believed(length: int) -> None:
    (genuine,) = read_note(note(13))[1]
    forged = NoteSignature(ORIGIN, genuine.key_id, bytes(length))
    with pytest.raises(CheckpointInvalidError):
        NOTES.open(write_note(checkpoint(13), forged))


def test_signatures_of_others_do_not_disturb() -> None:
    witness = NoteSignature("witness.example", b"abcd", bytes(72))
    assert NOTES.open(note(13) + witness.line()) == checkpoint(13)


def test_after_a_rotation_both_keys_are_believed() -> None:
    both = TrustedNotes([STRANGER.public_key, SIGNER.public_key])
    newer = Ed25519NoteSigner(ORIGIN, STRANGER).sign(checkpoint(21))
    assert both.open(note(13)) == checkpoint(13)
    assert both.open(newer) == checkpoint(21)


def test_a_checkpoint_of_another_log_is_not_signed() -> None:
    assert NOTE_SIGNER.origin == ORIGIN
    with pytest.raises(CheckpointInvalidError, match="another log"):
        NOTE_SIGNER.sign(checkpoint(13, origin="other"))
