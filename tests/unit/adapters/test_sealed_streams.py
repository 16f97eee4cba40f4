import tracemalloc
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from unlearn_core.adapters.sealed_streams import (
    CHUNK_BYTES,
    seal_stream,
    unseal_stream,
)
from unlearn_core.adapters.sealing import seal
from unlearn_core.errors import SealBrokenError

KEY = bytes(range(32))
PURPOSE = "scope/name"
HEAD_BYTES = 8 + 32
SEALED_CHUNK_BYTES = CHUNK_BYTES + 16
PLAIN = bytes(range(256)) * (3 * CHUNK_BYTES // 256) + b"the end"
"""Three whole chunks and a part of one."""


def sealed(data: bytes = PLAIN, *, purpose: str = PURPOSE) -> bytes:
    """Seal data that comes in one piece."""
    return b"".join(seal_stream(KEY, (data,), purpose=purpose))


def opened(stored: bytes, *, key: bytes = KEY, purpose: str = PURPOSE) -> bytes:
    """Open what comes in one piece."""
    return b"".join(unseal_stream(key, (stored,), purpose=purpose))


def parts(stored: bytes) -> tuple[bytes, list[bytes]]:
    """Return the head of a stream, and its chunks."""
    head, body = stored[:HEAD_BYTES], stored[HEAD_BYTES:]
    return head, [
        body[begin : begin + SEALED_CHUNK_BYTES]
        for begin in range(0, len(body), SEALED_CHUNK_BYTES)
    ]


def test_a_stream_has_the_documented_form() -> None:
    head, chunks = parts(sealed())
    assert head[:8] == b"UNLEARN2"
    key = HKDF(
        algorithm=SHA256(), length=32, salt=head[8:], info=PURPOSE.encode()
    ).derive(KEY)
    nonces = [bytes(10) + bytes([number, number == 3]) for number in range(4)]
    plain = [
        AESGCM(key).decrypt(nonce, chunk, None)
        for nonce, chunk in zip(nonces, chunks, strict=True)
    ]
    assert [len(piece) for piece in plain] == [65536, 65536, 65536, 7]
    assert b"".join(plain) == PLAIN


@given(
    pieces=st.lists(st.binary(max_size=40), max_size=6),
    repeats=st.integers(min_value=1, max_value=4000),
    cut=st.integers(min_value=1, max_value=100_000),
)
def test_a_stream_comes_back_however_it_is_cut(
    pieces: list[bytes], repeats: int, cut: int
) -> None:
    plain = [piece * repeats for piece in pieces]
    stored = b"".join(seal_stream(KEY, plain, purpose=PURPOSE))
    again = (stored[begin : begin + cut] for begin in range(0, len(stored), cut))
    assert b"".join(unseal_stream(KEY, again, purpose=PURPOSE)) == b"".join(plain)


@pytest.mark.parametrize("length", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_a_stream_is_as_long_as_its_chunks_and_their_tags(length: int) -> None:
    chunks = {0: 1, 1: 1, CHUNK_BYTES: 1, CHUNK_BYTES + 1: 2}[length]
    stored = sealed(bytes(length))
    assert len(stored) == 40 + length + 16 * chunks
    assert opened(stored) == bytes(length)


STORED = sealed()


def flipped(bit: int) -> bytes:
    """Return the stream with one bit changed."""
    changed = bytearray(STORED)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@given(bit=st.integers(min_value=0, max_value=8 * len(STORED) - 1))
def test_no_bit_of_a_stream_can_change(bit: int) -> None:
    with pytest.raises(SealBrokenError):
        opened(flipped(bit))


def test_no_bit_of_the_head_and_of_the_last_chunk_can_change() -> None:
    last = 8 * (len(STORED) - 7 - 16)
    for bit in (*range(8 * HEAD_BYTES), *range(last, 8 * len(STORED))):
        with pytest.raises(SealBrokenError):
            opened(flipped(bit))


@given(length=st.integers(min_value=0, max_value=len(STORED) - 1))
def test_a_stream_that_was_cut_off_is_refused(length: int) -> None:
    with pytest.raises(SealBrokenError):
        opened(STORED[:length])


@given(order=st.lists(st.integers(min_value=0, max_value=3), max_size=6))
def test_chunks_are_neither_dropped_nor_swapped_nor_repeated(order: list[int]) -> None:
    """Any choice of chunks but the one that was sealed, cuts at chunks included."""
    head, chunks = parts(STORED)
    stored = head + b"".join(chunks[number] for number in order)
    if order == [0, 1, 2, 3]:
        assert opened(stored) == PLAIN
    else:
        with pytest.raises(SealBrokenError):
            opened(stored)


@pytest.mark.parametrize("dropped", range(4))
def test_a_chunk_that_is_missing_is_noticed(dropped: int) -> None:
    head, chunks = parts(STORED)
    del chunks[dropped]
    with pytest.raises(SealBrokenError):
        opened(head + b"".join(chunks))


@pytest.mark.parametrize("number", range(4))
def test_a_chunk_of_another_stream_of_the_same_key_is_refused(number: int) -> None:
    head, chunks = parts(STORED)
    chunks[number] = parts(sealed())[1][number]
    with pytest.raises(SealBrokenError):
        opened(head + b"".join(chunks))


def test_bytes_after_the_end_are_refused() -> None:
    for more in (b"\0", parts(sealed())[1][3], sealed()):
        with pytest.raises(SealBrokenError):
            opened(STORED + more)


def test_another_key_or_purpose_opens_nothing() -> None:
    with pytest.raises(SealBrokenError):
        opened(STORED, key=bytes(32))
    with pytest.raises(SealBrokenError):
        opened(STORED, purpose="scope/other")


def test_no_two_streams_are_sealed_alike() -> None:
    one, other = parts(sealed(b"Ada")), parts(sealed(b"Ada"))
    assert one[0] != other[0]
    assert one[1] != other[1]


def test_what_was_sealed_as_a_whole_before_is_still_read() -> None:
    whole = seal(KEY, PLAIN, purpose=PURPOSE)
    pieces = (whole[begin : begin + 7000] for begin in range(0, len(whole), 7000))
    assert b"".join(unseal_stream(KEY, pieces, purpose=PURPOSE)) == PLAIN
    with pytest.raises(SealBrokenError):
        opened(whole, purpose="scope/other")


def test_memory_does_not_grow_with_the_stream() -> None:
    """The peak for 64 MB is that for 4 MB, and a few chunks at most."""

    def plain(megabytes: int) -> Iterator[bytes]:
        for _ in range(16 * megabytes):
            yield bytes(CHUNK_BYTES)

    def peak(megabytes: int) -> int:
        tracemalloc.start()
        stream = seal_stream(KEY, plain(megabytes), purpose=PURPOSE)
        count = sum(map(len, unseal_stream(KEY, stream, purpose=PURPOSE)))
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == megabytes << 20
        return highest

    small, large = peak(4), peak(64)
    assert large < 1.1 * small
    assert large < 16 * CHUNK_BYTES
