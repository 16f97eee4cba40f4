"""What every signer, opener and sealer promises."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unlearn_core import ports
from unlearn_core.adapters.envelopes import EnvelopeSigner, TrustedEnvelopes
from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.adapters.memory.signing import (
    MemoryListSealer,
    MemoryNotary,
    MemoryPairSealer,
)
from unlearn_core.adapters.sealing import ListSeal, PairSeal
from unlearn_core.errors import SealBrokenError, SignatureInvalidError

TYPE = "application/vnd.unlearn.test+json"
PAYLOAD = b'{"sequence":7}'
BASE = "small-world"


@dataclass(frozen=True)
class Notary:
    """A signer and the opener that trusts it."""

    signer: ports.Signer
    opener: ports.EnvelopeOpener


def memory_notary(_folder: Path) -> Notary:
    """Return a notary whose key is in memory."""
    notary = MemoryNotary()
    return Notary(signer=notary, opener=notary)


def dsse_notary(folder: Path) -> Notary:
    """Return a notary with DSSE keys from files."""
    keys = KeyDirectory(folder)
    keys.create()
    return Notary(
        signer=EnvelopeSigner(keys.signer()), opener=TrustedEnvelopes(keys.trusted())
    )


@pytest.fixture(params=[memory_notary, dsse_notary])
def make_notary(request: pytest.FixtureRequest) -> Callable[[Path], Notary]:
    """Return the maker of notaries of each kind."""
    maker: Callable[[Path], Notary] = request.param
    return maker


@pytest.fixture
def notary(make_notary: Callable[[Path], Notary], tmp_path: Path) -> Notary:
    """Return a notary of each kind."""
    return make_notary(tmp_path)


@pytest.mark.parametrize("payload", [PAYLOAD, b"", bytes(range(256))])
def test_a_genuine_envelope_gives_its_payload_back(
    notary: Notary, payload: bytes
) -> None:
    envelope = notary.signer.sign(payload, payload_type=TYPE)
    assert notary.opener.open(envelope, payload_type=TYPE) == payload


def test_signing_again_gives_the_same_bytes(notary: Notary) -> None:
    """A repeated registration must upload the same file."""
    assert notary.signer.sign(PAYLOAD, payload_type=TYPE) == notary.signer.sign(
        PAYLOAD, payload_type=TYPE
    )


def test_no_byte_of_an_envelope_can_change(notary: Notary) -> None:
    envelope = notary.signer.sign(PAYLOAD, payload_type=TYPE)
    for position in range(len(envelope)):
        changed = bytearray(envelope)
        changed[position] ^= 1
        with pytest.raises(SignatureInvalidError):
            notary.opener.open(bytes(changed), payload_type=TYPE)


def test_no_byte_can_be_added_or_taken_away(notary: Notary) -> None:
    envelope = notary.signer.sign(PAYLOAD, payload_type=TYPE)
    for other in (envelope + b"\n", b" " + envelope, envelope[:-1], envelope[1:], b""):
        with pytest.raises(SignatureInvalidError):
            notary.opener.open(other, payload_type=TYPE)


def test_a_document_of_another_type_is_refused(notary: Notary) -> None:
    envelope = notary.signer.sign(PAYLOAD, payload_type=TYPE)
    with pytest.raises(SignatureInvalidError):
        notary.opener.open(envelope, payload_type="application/json")


def test_another_signer_is_not_trusted(
    notary: Notary, make_notary: Callable[[Path], Notary], tmp_path: Path
) -> None:
    stranger = make_notary(tmp_path / "stranger")
    envelope = stranger.signer.sign(PAYLOAD, payload_type=TYPE)
    with pytest.raises(SignatureInvalidError):
        notary.opener.open(envelope, payload_type=TYPE)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)

ENVELOPE_FIELDS = ("payload", "payloadType", "signatures", "signature", "type")


@pytest.fixture(scope="module")
def openers(tmp_path_factory: pytest.TempPathFactory) -> list[ports.EnvelopeOpener]:
    """Return an opener of each kind."""
    folder = tmp_path_factory.mktemp("keys")
    return [make(folder).opener for make in (memory_notary, dsse_notary)]


@settings(max_examples=50)
@given(
    envelope=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("payload", "payloadType", "signatures", "signature", "type"), JSON
        ),
    )
    | JSON
)
def test_whatever_else_is_presented_is_refused_and_nothing_worse(
    openers: list[ports.EnvelopeOpener], envelope: object
) -> None:
    for opener in openers:
        with pytest.raises(SignatureInvalidError):
            opener.open(json.dumps(envelope).encode(), payload_type=TYPE)


@pytest.mark.parametrize("junk", [b"[" * 100_000, b"\xff\xfe", b"null", b"7", b"[]"])
def test_junk_is_refused(notary: Notary, junk: bytes) -> None:
    with pytest.raises(SignatureInvalidError):
        notary.opener.open(junk, payload_type=TYPE)


@pytest.fixture(
    params=[
        MemoryPairSealer,
        MemoryListSealer,
        lambda: PairSeal(bytes(range(32))),
        lambda: ListSeal(bytes(range(32))),
    ]
)
def sealer(request: pytest.FixtureRequest) -> ports.PairSealer:
    """Return a sealer of each kind."""
    made: ports.PairSealer = request.param()
    return made


def test_a_sealed_pair_opens_again_and_shows_nothing(sealer: ports.PairSealer) -> None:
    pair = b"weights of the unlearned model" * 8
    stored = sealer.close(pair, base_model=BASE)
    assert b"weights" not in stored
    assert sealer.open(stored, base_model=BASE) == pair


def test_sealing_twice_gives_different_files(sealer: ports.PairSealer) -> None:
    """A nonce that is used again would give the key stream away."""
    assert sealer.close(b"pair", base_model=BASE) != sealer.close(
        b"pair", base_model=BASE
    )


def test_a_pair_of_another_base_model_is_refused(sealer: ports.PairSealer) -> None:
    stored = sealer.close(b"pair", base_model=BASE)
    with pytest.raises(SealBrokenError):
        sealer.open(stored, base_model="large-world")


def test_a_changed_cipher_text_is_refused(sealer: ports.PairSealer) -> None:
    stored = sealer.close(b"pair", base_model=BASE)
    for position in range(len(stored) - 32, len(stored)):
        changed = bytearray(stored)
        changed[position] ^= 0x80
        with pytest.raises(SealBrokenError):
            sealer.open(bytes(changed), base_model=BASE)


@pytest.mark.parametrize("junk", [b"", b"pair", b"UNLEARN1", b"\x00" * 64])
def test_a_file_that_is_no_sealed_pair_is_refused(
    sealer: ports.PairSealer, junk: bytes
) -> None:
    with pytest.raises(SealBrokenError):
        sealer.open(junk, base_model=BASE)
