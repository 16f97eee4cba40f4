import os

import pytest

from unlearn_core.cli.who import account


def test_an_account_without_a_name_has_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nameless() -> str:
        raise KeyError

    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    assert account() == "ada"
    monkeypatch.setattr("getpass.getuser", nameless)
    assert account() == f"uid {os.getuid()}"
