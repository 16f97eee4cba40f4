"""Messages as libsodium's combined form has them."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from unlearn_core.adapters.signed_messages import AgentKeys, sign_message
from unlearn_core.domain.senders import SignedMessageError
from unlearn_core.errors import SettingsError

# RFC 8032, 7.1, test 2.
SECRET = bytes.fromhex(
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
)
PUBLIC = bytes.fromhex(
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
)
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
MESSAGE = b"\x72"
KEYS = AgentKeys({"AGENT": base64.b64encode(PUBLIC).decode()})


def test_the_signature_stands_before_the_message() -> None:
    raw = base64.b64encode(SIGNATURE + MESSAGE)
    assert KEYS.open(raw, agent="AGENT") == MESSAGE
    key = Ed25519PrivateKey.from_private_bytes(SECRET)
    assert sign_message(MESSAGE, private_key=key) == raw


@pytest.mark.parametrize(
    ("raw", "agent", "problem"),
    [
        (b"%%%", "AGENT", "not base64"),
        (b"\xff", "AGENT", "not base64"),
        (base64.b64encode(SIGNATURE + MESSAGE), "OTHER", "unknown agent"),
        (
            base64.b64encode(SIGNATURE + b"\x73"),
            "AGENT",
            "the signature does not verify",
        ),
        (base64.b64encode(SIGNATURE), "AGENT", "the signature does not verify"),
        (b"", "AGENT", "the signature does not verify"),
    ],
)
def test_what_is_not_signed_by_the_agent_is_not_opened(
    raw: bytes, agent: str, problem: str
) -> None:
    with pytest.raises(SignedMessageError) as caught:
        KEYS.open(raw, agent=agent)
    assert caught.value.facts == {"problem": problem}


@pytest.mark.parametrize("text", ["no key", "QUJD", ""])
def test_a_setting_that_is_no_key_is_named(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        AgentKeys({"AGENT": text})
    assert caught.value.facts == {"variable": "UNLEARN_DRP__AGENTS"}
