import io
import sys
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_core.domain import archive
from unlearn_core.domain.archive import ArchiveUnreadableError, pack, unpack

FILES = {"bundle.json": b"{}", "letters/1.de.html": b"<p>", "empty": b""}


def test_files_come_back_and_the_same_content_gives_the_same_bytes() -> None:
    packed = pack(FILES)
    assert unpack(packed) == FILES
    assert pack(dict(reversed(FILES.items()))) == packed


def test_the_bytes_do_not_depend_on_the_auditors_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packed = pack(FILES)
    monkeypatch.setattr(sys, "platform", "win32")
    assert unpack(packed) == FILES


@given(st.binary(max_size=200))
def test_junk_is_refused_and_nothing_worse(data: bytes) -> None:
    with pytest.raises(ArchiveUnreadableError):
        unpack(data)


def test_no_byte_can_change_without_being_refused_or_changing_a_file() -> None:
    """The auditor's digests see the rest."""
    packed = pack(FILES)
    for place in range(len(packed)):
        changed = bytearray(packed)
        changed[place] ^= 1
        try:
            files = unpack(bytes(changed))
        except ArchiveUnreadableError:
            continue
        assert files != FILES


def test_a_file_that_is_named_twice_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("a", b"1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            packed.writestr("a", b"2")
    with pytest.raises(ArchiveUnreadableError, match="another form"):
        unpack(buffer.getvalue())


def test_a_small_file_that_holds_a_lot_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a", bytes(100_000))
    with pytest.raises(ArchiveUnreadableError, match="compressed"):
        unpack(buffer.getvalue())


def test_a_file_that_is_too_long_is_not_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(archive, "MAXIMUM_BYTES", 1000)
    with pytest.raises(ArchiveUnreadableError, match="too long"):
        unpack(pack({"a": bytes(1000)}))
