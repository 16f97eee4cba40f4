import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.log import TREE, checkpoint, note

from unlearn_core.domain.checkpoints import (
    Checkpoint,
    CheckpointInvalidError,
    LogForkedError,
    NoteSignature,
    key_id,
    read_note,
    write_note,
)
from unlearn_core.domain.merkle import EMPTY_ROOT

# The example of C2SP tlog-witness: a log with two keys.
PUBLISHED = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
\u2014 example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
""".encode()  # noqa: E501


def test_a_published_checkpoint_is_read_and_written_again() -> None:
    checkpoint, signatures = read_note(PUBLISHED)
    assert checkpoint.origin == "example.com/behind-the-sofa"
    assert checkpoint.size == 20852163
    assert checkpoint.root.hex().startswith("0ac5186a91863e8e")
    assert [line.key_id.hex() for line in signatures] == ["033de0ae", "a292ea05"]
    assert [len(line.signature) for line in signatures] == [64, 64]
    assert write_note(checkpoint, *signatures) == PUBLISHED


def test_the_text_of_an_empty_log_is_that_of_the_specification() -> None:
    empty = Checkpoint(origin="o", size=0, root=EMPTY_ROOT)
    assert empty.text() == b"o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"


def test_a_key_id_is_four_bytes_of_a_digest_of_name_type_and_key() -> None:
    public = bytes(range(32))
    digest = hashlib.sha256(b"example.com/log\n\x01" + public).digest()
    assert key_id("example.com/log", public) == digest[:4]


@given(st.data())
def test_no_byte_of_a_text_can_change_without_being_another_checkpoint(
    data: st.DataObject,
) -> None:
    signed = note(13)
    end = signed.index(b"\n\n")
    place = data.draw(st.integers(0, end - 1))
    changed = bytearray(signed)
    changed[place] ^= data.draw(st.integers(1, 255))
    try:
        other, _ = read_note(bytes(changed))
    except CheckpointInvalidError:
        return
    assert other != checkpoint(13)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"o\n1\n",
        b"o\nx\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n",
        b"o\n-1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n",
        b"o\n01\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n",
        b"\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n",
        b"o\n1\n47DE\n\n",
        b"o\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\njunk\n",
        b"o\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n\xff",
    ],
)
def test_what_is_not_a_checkpoint_is_refused(text: bytes) -> None:
    with pytest.raises(CheckpointInvalidError):
        read_note(text)


def test_a_checkpoint_that_continues_another_is_accepted() -> None:
    checkpoint(8).check_extended(checkpoint(21), TREE.consistency(8, 21))


@pytest.mark.parametrize(
    ("later", "problem"),
    [
        (checkpoint(21, origin="other"), "another log"),
        (checkpoint(7), "shorter"),
        (Checkpoint(origin=checkpoint(0).origin, size=21, root=bytes(32)), "rewritten"),
    ],
)
def test_one_that_does_not_is_refused_with_the_reason(
    later: Checkpoint, problem: str
) -> None:
    with pytest.raises(LogForkedError, match=f"problem={problem}"):
        checkpoint(8).check_extended(later, TREE.consistency(8, 21))


def test_signatures_of_witnesses_stand_beside_that_of_the_log() -> None:
    line = NoteSignature("witness.example/w1", b"\x01\x02\x03\x04", bytes(72))
    _, signatures = read_note(note(3) + line.line())
    assert signatures[-1] == line
