"""A third party, for every kind of plug-in."""

import sys
from pathlib import Path

import pytest
from support.plugins import Groups, Installer, install

MODULE = "third_party"


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    """Return what installs a package for one test."""

    def installed(source: str, groups: Groups) -> None:
        points = {
            group: {name: f"{MODULE}:{attribute}" for name, attribute in named.items()}
            for group, named in groups.items()
        }
        install(tmp_path, name=MODULE, source=source, entry_points=points)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, MODULE, raising=False)

    return installed
