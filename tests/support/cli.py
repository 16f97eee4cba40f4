"""The ``unlearn`` command, run inside the test's own process."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from support.databases import open_sqlite
from typer.testing import CliRunner

from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.cli import wiring
from unlearn_core.cli.main import main


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command left behind.

    Attributes:
        code: Exit code.
        out: Standard output.
        err: Standard error.
    """

    code: int
    out: str
    err: str

    def json(self) -> Any:  # noqa: ANN401 - any JSON value
        """Return what was printed as JSON."""
        return json.loads(self.out)


def unlearn(*arguments: str | Path, stdin: bytes = b"") -> Ran:
    """Run a command to its end, in a terminal of 80 columns without colours."""
    code: object = 0
    environment = {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}
    with (
        CliRunner().isolation(input=stdin, env=environment) as (out, err, _both),
        patch.object(sys, "argv", ["unlearn", *map(str, arguments)]),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code
        finally:
            close_office()
        sys.stdout.flush()
        sys.stderr.flush()
        assert isinstance(code, int)
        return Ran(code=code, out=out.getvalue().decode(), err=err.getvalue().decode())


def close_office() -> None:
    """Forget the office of the last command, as the end of its process does."""
    if wiring.office.cache_info().currsize:
        wiring.office().database.close()
        wiring.office.cache_clear()


def write_installation(home: Path) -> dict[str, str]:
    """Write database and keys into a folder and return the settings' variables."""
    open_sqlite(home).close()
    KeyDirectory(home / "keys").create()
    return settings_of(home)


def settings_of(home: Path) -> dict[str, str]:
    """Return the variables of an installation without an orchestrator."""
    return {
        "UNLEARN_DATABASE_URL": f"sqlite:///{home / 'unlearn.db'}",
        "UNLEARN_KEYS__DIRECTORY": str(home / "keys"),
        "UNLEARN_OBJECTS__LOCATION": str(home / "objects"),
        "UNLEARN_MODEL__NAME": "small-world",
        "PREFECT_API_URL": "http://127.0.0.1:9/api",
        "PREFECT_HOME": str(home / "prefect"),
        "PATH": os.environ["PATH"],
    }
