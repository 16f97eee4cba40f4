import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as save_safetensors

from unlearn_core.adapters.sealing import PairSeal, seal, unseal
from unlearn_core.errors import SealBrokenError

KEY = bytes(range(32))


def test_a_sealed_value_has_the_documented_form() -> None:
    sealed = seal(KEY, b"Ada", purpose="scope/name")
    assert sealed[:8] == b"UNLEARN1"
    assert len(sealed) == 8 + 12 + 3 + 16
    assert AESGCM(KEY).decrypt(sealed[8:20], sealed[20:], b"scope/name") == b"Ada"


@given(data=st.binary(max_size=64), purpose=st.text(max_size=8))
def test_what_is_sealed_can_be_unsealed(data: bytes, purpose: str) -> None:
    assert unseal(KEY, seal(KEY, data, purpose=purpose), purpose=purpose) == data


def test_no_bit_of_a_sealed_value_can_change() -> None:
    sealed = seal(KEY, b"Ada Example", purpose="scope/name")
    for position in range(len(sealed)):
        for bit in range(8):
            changed = bytearray(sealed)
            changed[position] ^= 1 << bit
            with pytest.raises(SealBrokenError):
                unseal(KEY, bytes(changed), purpose="scope/name")


@pytest.mark.parametrize("length", range(40))
def test_a_shortened_value_is_refused(length: int) -> None:
    sealed = seal(KEY, b"Ada", purpose="p")
    assert len(sealed) == 39
    with pytest.raises(SealBrokenError):
        unseal(KEY, sealed[: min(length, 38)], purpose="p")


@pytest.mark.parametrize(
    ("key", "purpose"), [(bytes(32), "scope/name"), (KEY, "scope/other")]
)
def test_another_key_or_purpose_does_not_open_it(key: bytes, purpose: str) -> None:
    sealed = seal(KEY, b"Ada", purpose="scope/name")
    with pytest.raises(SealBrokenError):
        unseal(key, sealed, purpose=purpose)


def test_no_nonce_is_used_twice() -> None:
    nonces = {seal(KEY, b"", purpose="p")[8:20] for _ in range(1000)}
    assert len(nonces) == 1000


def test_a_stored_pair_is_a_safetensors_file_with_one_tensor_of_bytes() -> None:
    stored = PairSeal(KEY).close(b"pair", base_model="small-world")
    tensors = load_safetensors(stored)
    assert list(tensors) == ["sealed"]
    assert tensors["sealed"].dtype == "uint8"
    sealed = tensors["sealed"].tobytes()
    assert unseal(KEY, sealed, purpose="offset-pair/small-world") == b"pair"


def test_a_pair_that_was_not_sealed_is_refused() -> None:
    plain = load_safetensors(PairSeal(KEY).close(b"pair", base_model="b"))["sealed"]
    renamed = save_safetensors({"weights": plain})
    with pytest.raises(SealBrokenError, match="not a sealed pair"):
        PairSeal(KEY).open(renamed, base_model="b")
