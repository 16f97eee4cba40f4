"""A Dask cluster of two worker processes, and a source that waits in their hands."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from unlearn_core.cluster_wiring import search_part
from unlearn_core.errors import SourceUnreadableError

START_SECONDS = 60
_GET_DUMPABLE = 3
HAPPENED = "UNLEARN_TEST_HAPPENED"
"""Names a folder to the workers, for what is to happen once only."""


def search_and_die_once(sealed: bytes, number: str) -> tuple[str, bytes]:
    """Search a part, as a worker does that is killed when it comes to the third."""
    if number.endswith("/2") and _is_first("death"):
        os.kill(os.getpid(), signal.SIGKILL)
    return search_part(sealed, number)


def search_and_fail_once(sealed: bytes, number: str) -> tuple[str, bytes]:
    """Search a part, as a worker does that cannot read the third one at first."""
    if number.endswith("/2") and _is_first("failure"):
        return SourceUnreadableError.code, b""
    return search_part(sealed, number)


def tell_if_dumpable(sealed: bytes, number: str) -> tuple[str, bytes]:
    """Search a part, and tell as an error whether the kernel may dump the memory."""
    search_part(sealed, number)
    return f"dumpable={ctypes.CDLL(None).prctl(_GET_DUMPABLE, 0, 0, 0, 0)}", b""


def _is_first(event: str) -> bool:
    file = Path(os.environ[HAPPENED]) / event
    is_first = not file.exists()
    file.touch()
    return is_first


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster that runs.

    Attributes:
        scheduler: Its address.
        folder: Where its processes write what they have to say.
        workers: Its workers, by a number.
        start: Starts one.
    """

    scheduler: str
    folder: Path
    workers: dict[int, subprocess.Popen[bytes]]
    start: Callable[[int], subprocess.Popen[bytes]]

    def said(self) -> bytes:
        """Return what its processes have said."""
        return b"".join(path.read_bytes() for path in self.folder.glob("*.log"))

    def kill_busy(self) -> None:
        """Kill the worker that searches."""
        from distributed import Client  # noqa: PLC0415 - may not be installed

        with Client(self.scheduler, set_as_default=False) as client:
            numbers = client.run(os.getpid)
            (busy,) = (
                numbers[address]
                for address, tasks in client.processing().items()
                if tasks
            )
        (worker,) = (item for item in self.workers.values() if item.pid == busy)
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    def revive(self) -> int:
        """Start a worker for each that has died; return how many."""
        dead = [
            number
            for number, worker in self.workers.items()
            if worker.poll() is not None
        ]
        self.workers.update({number: self.start(number) for number in dead})
        return len(dead)


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
        with (folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - an installed program
                [sys.executable, "-m", "dask", *said],
                env=surroundings,
                stdout=log,
                stderr=log,
                cwd=folder,
            )
        started.append(process)
        return process

    def worker(number: int) -> subprocess.Popen[bytes]:
        return start(
            f"worker-{number}",
            *("worker", *here, "--nthreads", "1", "--no-nanny"),
            *("--local-directory", str(folder)),
        )

    try:
        start("scheduler", "scheduler", *here, "--port", "0")
        workers = {number: worker(number) for number in range(2)}
        address = _address(file, started[0])
        yield Cluster(scheduler=address, folder=folder, workers=workers, start=worker)
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
