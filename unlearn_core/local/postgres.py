"""A PostgreSQL server for tests and measurements, made and removed in a folder.

The programs are those of the system's package. The server listens on a socket in its
folder alone, trusts whoever may open that, and refuses to run as root, so then it runs
as the package's own user.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from unlearn_core.errors import DependencyError

PACKAGED = Path("/usr/lib/postgresql")
USER = "postgres"
START_SECONDS = 60

_ROOT = 0


class PostgresMissingError(DependencyError):
    """PostgreSQL cannot be started on this machine."""

    code = "postgres_missing"
    summary = "PostgreSQL cannot be started here"
    next_step = "Install the system's package of PostgreSQL and its Python driver."


def find_programs(packaged: Path = PACKAGED) -> Path:
    """Return the folder with ``initdb`` and ``pg_ctl``, the newest of several.

    Raises:
        PostgresMissingError: There is none.
    """
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = [path for path in packaged.glob("*/bin") if (path / "initdb").exists()]
    if not versions:
        raise PostgresMissingError(missing="initdb")
    return max(versions, key=lambda path: int(path.parent.name))


@contextmanager
def running_postgres(*options: str, is_durable: bool = True) -> Iterator[str]:
    """Start a server with an empty database and give its address.

    Args:
        *options: Settings as ``name=value``.
        is_durable: Whether it waits for the disk, as it must where data matter.

    Raises:
        PostgresMissingError: Its programs, its user or the driver are not here, or it
            does not start.
    """
    programs = find_programs()
    with tempfile.TemporaryDirectory(prefix="unlearn-pg-") as name:
        folder = Path(name)
        owner = _give_away(folder)
        data = folder / "data"
        settings = [f"unix_socket_directories={folder}", "listen_addresses=", *options]
        if not is_durable:
            settings += ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
        flags = " ".join(f"-c {item}" for item in settings)
        _run(
            [
                programs / "initdb",
                *("-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"),
            ],
            owner,
        )
        control = [programs / "pg_ctl", "-D", data, "-w", "-t", str(START_SECONDS)]
        _run([*control, "-l", folder / "log", "-o", flags, "start"], owner)
        try:
            yield f"postgresql+psycopg://{USER}@/{USER}?host={folder}"
        finally:
            _run([*control, "-m", "immediate", "stop"], owner)


def _give_away(folder: Path) -> str | None:
    """Return whom the server runs as, if not as us; the folder is then theirs."""
    if os.geteuid() != _ROOT:
        return None
    try:
        entry = pwd.getpwnam(USER)
    except KeyError:
        raise PostgresMissingError(missing=USER) from None
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    folder.chmod(0o755)
    return USER


def _run(command: Sequence[object], owner: str | None) -> None:
    """Run one of the programs to its end.

    Raises:
        PostgresMissingError: It failed.
    """
    ended = subprocess.run(  # noqa: S603 - our own fixed commands
        [str(part) for part in command],
        user=owner,
        env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
        cwd="/",
        stdin=subprocess.DEVNULL,
        # The server would keep a pipe open.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if ended.returncode != 0:
        raise PostgresMissingError(program=Path(str(command[0])).name)
