from pathlib import Path

import pytest
from support.cli import close_office

from unlearn_core.adapters.envelopes import EnvelopeSigner
from unlearn_core.cli import wiring
from unlearn_core.errors import SignatureInvalidError


def test_a_command_opens_its_office_once(home: Path) -> None:
    try:
        assert wiring.office() is wiring.office()
        assert (
            wiring.office()
            .settings.database_url.get_secret_value()
            .endswith(str(home / "unlearn.db"))
        )
    finally:
        close_office()


def test_keys_and_database_are_those_of_the_settings(home: Path) -> None:
    assert wiring.key_directory().trust_file == home / "keys" / "trust.json"
    database = wiring.database()
    assert database.is_current()
    database.close()


def test_an_envelope_is_opened_with_the_keys_of_the_file(home: Path) -> None:
    keys = wiring.key_directory()
    envelope = EnvelopeSigner(keys.signer()).sign(b"payload", payload_type="text")
    opener = wiring.envelope_opener(home / "keys" / "trust.json")
    assert opener.open(envelope, payload_type="text") == b"payload"
    with pytest.raises(SignatureInvalidError):
        opener.open(envelope[:-1], payload_type="text")
