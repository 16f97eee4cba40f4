import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from unlearn_core.local import postgres
from unlearn_core.local.postgres import (
    PostgresMissingError,
    find_programs,
    running_postgres,
)


def test_the_newest_of_several_versions_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for version in ("9", "15", "17"):
        (tmp_path / version / "bin").mkdir(parents=True)
    for version in ("9", "15"):
        (tmp_path / version / "bin" / "initdb").touch()
    assert find_programs(tmp_path) == tmp_path / "15" / "bin"


def test_what_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PostgresMissingError, match="missing=initdb"):
        find_programs(tmp_path)


def test_a_server_that_does_not_start_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "initdb").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "initdb").chmod(0o755)
    tmp_path.chmod(0o755)
    monkeypatch.setattr(postgres, "find_programs", lambda: tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with (
        pytest.raises(PostgresMissingError, match="program=initdb"),
        running_postgres(),
    ):
        pass


def test_without_the_packages_user_root_cannot_start_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(postgres, "find_programs", lambda: tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(postgres, "USER", "nobody-of-this-name")
    with (
        pytest.raises(PostgresMissingError, match="missing=nobody"),
        running_postgres(),
    ):
        pass


@pytest.mark.integration
def test_a_server_answers_and_is_gone_afterwards() -> None:
    try:
        find_programs()
    except PostgresMissingError as error:
        pytest.skip(str(error))
    with running_postgres("max_connections=7", is_durable=False) as url:
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            assert connection.scalar(sa.text("SHOW max_connections")) == "7"
            assert connection.scalar(sa.text("SHOW fsync")) == "off"
        engine.dispose()
        folder = Path(str(sa.make_url(url).query["host"]))
        assert folder.is_dir()
    assert not folder.exists()
