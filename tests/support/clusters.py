"""A Dask cluster of two worker processes, and a source that waits in their hands."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster that runs.

    Attributes:
        scheduler: Its address.
        folder: Where its processes write what they have to say.
        workers: Its workers.
    """

    scheduler: str
    folder: Path
    workers: tuple[subprocess.Popen[bytes], ...]

    def said(self) -> bytes:
        """Return what its processes have said."""
        return b"".join(path.read_bytes() for path in self.folder.glob("*.log"))

    def kill_reader(self, path: Path) -> None:
        """Kill the worker that has a file open."""
        (reader,) = (worker for worker in self.workers if _has_open(worker.pid, path))
        reader.send_signal(signal.SIGKILL)
        reader.wait()


@contextmanager
def dask_cluster(folder: Path, environment: Mapping[str, str]) -> Iterator[Cluster]:
    """Run a scheduler and two workers with one thread each.

    Args:
        folder: For what they write.
        environment: What only they know, besides the way to Python's modules.
    """
    file = folder / "scheduler.json"
    known = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    surroundings = {
        **known,
        **environment,
        "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),
        "OMP_NUM_THREADS": "1",
        "DASK_LOGGING__DISTRIBUTED": "debug",
    }
    here = ("--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file))
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, *said: str) -> subprocess.Popen[bytes]:
        with (folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - an installed program
                [sys.executable, "-m", "dask", *said],
                env=surroundings,
                stdout=log,
                stderr=log,
                cwd=folder,
            )
        started.append(process)
        return process

    try:
        start("scheduler", "scheduler", *here, "--port", "0")
        workers = tuple(
            start(
                f"worker-{number}",
                *("worker", *here, "--nthreads", "1", "--no-nanny"),
                *("--local-directory", str(folder)),
            )
            for number in range(2)
        )
        address = _address(file, started[0])
        yield Cluster(scheduler=address, folder=folder, workers=workers)
    finally:
        for process in started:
            process.kill()
            process.wait()


def _address(file: Path, scheduler: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and scheduler.poll() is None:
        if file.is_file() and (text := file.read_text()):
            return str(json.loads(text)["address"])
        time.sleep(0.1)
    message = "the scheduler did not start"
    raise RuntimeError(message)


def _has_open(process: int, path: Path) -> bool:
    folder = Path(f"/proc/{process}/fd")
    if not folder.is_dir():
        return False
    return any(item.resolve() == path.resolve() for item in folder.iterdir())
