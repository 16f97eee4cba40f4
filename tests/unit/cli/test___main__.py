"""The command as a process of its own, as people start it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import settings_of, write_installation

pytestmark = pytest.mark.integration

DOCUMENT = {"identifiers": {"name": "Ada Example", "email": "ada@post.example"}}


def run(home: Path, *arguments: str, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "unlearn_core.cli", *arguments],
        input=stdin,
        env=settings_of(home),
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_request_is_submitted_through_a_pipe_without_an_orchestrator(
    tmp_path: Path,
) -> None:
    write_installation(tmp_path)
    code, out, err = run(
        tmp_path, "request", "submit", "--json", stdin=json.dumps(DOCUMENT).encode()
    )
    assert code == 0
    assert json.loads(out)["status"] == "open"
    assert b"ada" not in (out + err).lower()


def test_keys_are_created_where_a_process_is_told(tmp_path: Path) -> None:
    code, out, err = run(tmp_path, "keys", "init")
    assert (code, out) == (0, b"")
    assert str(tmp_path / "keys" / "trust.json").encode() in err
    assert len((tmp_path / "keys" / "kek.key").read_bytes()) == 44
