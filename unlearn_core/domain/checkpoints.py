"""Checkpoints: a signed line that speaks for the whole ledger, kept elsewhere.

The form is that of `C2SP tlog-checkpoint <https://c2sp.org/tlog-checkpoint>`_: origin,
number of leaves and root hash, each on a line, then an empty line and signatures in
the form of `C2SP signed-note <https://c2sp.org/signed-note>`_. So witnesses and
auditors need no code of ours.
"""

import hashlib
from base64 import b64decode, b64encode
from dataclasses import dataclass

from unlearn_core.domain.merkle import Path, is_consistent
from unlearn_core.errors import IntegrityError

HASH_BYTES = 32
ED25519 = b"\x01"
"""Signature type of an Ed25519 key in a signed note."""

_DASH = "\u2014 "
_ID_BYTES = 4


class CheckpointInvalidError(IntegrityError):
    """A checkpoint is malformed, or no trusted key signed it."""

    code = "checkpoint_invalid"
    summary = "the checkpoint is not genuine"
    next_step = "Fetch it again from where it is kept, and check the public keys."


class LogForkedError(IntegrityError):
    """A ledger does not continue what a kept checkpoint speaks for."""

    code = "log_forked"
    summary = "the ledger contradicts a checkpoint that is kept outside"
    next_step = "Stop, keep a copy of the database and call the auditor."


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a checkpoint says.

    Attributes:
        origin: Name of the log.
        size: Number of leaves.
        root: Root of the tree over them, 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    def text(self) -> bytes:
        """Return the lines that are signed."""
        root = b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{root}\n".encode()

    def check_extended(self, later: "Checkpoint", path: Path) -> None:
        """Make sure that a later checkpoint speaks for this one's leaves too.

        Raises:
            LogForkedError: It belongs to another log, is smaller, or its tree does
                not begin with this one.
        """
        if later.origin != self.origin:
            raise LogForkedError(problem="another log")
        if later.size < self.size:
            raise LogForkedError(problem="shorter", kept=self.size, found=later.size)
        if not is_consistent(
            self.size, later.size, path, before=self.root, after=later.root
        ):
            raise LogForkedError(problem="rewritten", kept=self.size, found=later.size)


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line.

    Attributes:
        name: Name of the key.
        key_id: First four bytes of the key's digest.
        signature: The signature, in the form of the key's type.
    """

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> bytes:
        """Return the line as it is written under a note."""
        body = b64encode(self.key_id + self.signature).decode()
        return f"{_DASH}{self.name} {body}\n".encode()


def key_id(name: str, public: bytes) -> bytes:
    """Return the identifier of an Ed25519 key, of its name and its 32 bytes."""
    data = name.encode() + b"\n" + ED25519 + public
    return hashlib.sha256(data).digest()[:_ID_BYTES]


def write_note(checkpoint: Checkpoint, *signatures: NoteSignature) -> bytes:
    """Return a signed checkpoint."""
    lines = b"".join(signature.line() for signature in signatures)
    return checkpoint.text() + b"\n" + lines


def read_note(note: bytes) -> tuple[Checkpoint, tuple[NoteSignature, ...]]:
    """Read a signed checkpoint; nobody's signature is checked.

    Raises:
        CheckpointInvalidError: It is not exactly what writing would give.
    """
    try:
        text, _, tail = note.partition(b"\n\n")
        origin, size, root = text.decode().split("\n")
        checkpoint = Checkpoint(
            origin=origin, size=int(size), root=b64decode(root, validate=True)
        )
        signatures = tuple(map(_signature, tail.decode().splitlines()))
    except ValueError:
        raise CheckpointInvalidError(problem="malformed") from None
    is_sane = origin and checkpoint.size >= 0 and len(checkpoint.root) == HASH_BYTES
    if not is_sane or write_note(checkpoint, *signatures) != note:
        raise CheckpointInvalidError(problem="malformed")
    return checkpoint, signatures


def _signature(line: str) -> NoteSignature:
    """Read one line; whatever is wrong with it is a `ValueError`."""
    if not line.startswith(_DASH):
        raise ValueError
    name, body = line.removeprefix(_DASH).split(" ")
    data = b64decode(body, validate=True)
    return NoteSignature(name, data[:_ID_BYTES], data[_ID_BYTES:])
