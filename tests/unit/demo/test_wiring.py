from pathlib import Path

import pytest
from support.databases import open_sqlite

from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.demo.wiring import open_tools
from unlearn_core.errors import KeyMissingError
from unlearn_core.local.environment import LocalInstallation, Ports
from unlearn_core.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    installation = LocalInstallation(home=tmp_path, ports=Ports())
    for name, value in installation.settings().items():
        monkeypatch.setenv(name, value)
    KeyDirectory(installation.keys).create()
    open_sqlite(tmp_path).close()
    return load_settings()


def test_the_demo_looks_with_the_keys_and_ledger_of_the_installation(
    settings: Settings,
) -> None:
    tools = open_tools(settings)

    assert tools.base_model == "small-world"
    assert list(tools.ledger.entries()) == []
    envelope = tools.signer.sign(b"{}", payload_type="text/plain")
    assert tools.opener.open(envelope, payload_type="text/plain") == b"{}"


def test_without_keys_there_is_nothing_to_look_with(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "keys" / "signing.pem").unlink()

    with pytest.raises(KeyMissingError):
        open_tools(settings)
