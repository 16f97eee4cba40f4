"""Starts, watches and stops the parts of a local installation."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from unlearn_core.local.environment import HOST, LocalInstallation
from unlearn_core.local.processes import (
    ManagedProcess,
    ProcessNotHealthyError,
    ProcessPlan,
)

START_SECONDS = 90.0
WORK_POOL = "unlearn"
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

OnStatus = Callable[[str, str], None]
"""Called with the name of a process and a word about it."""


class LocalStack:
    """All processes of one installation.

    Args:
        installation: Folder and ports.
        on_status: Told about every change.
    """

    def __init__(
        self,
        installation: LocalInstallation,
        *,
        on_status: OnStatus = lambda _name, _word: None,
    ) -> None:
        self.installation = installation
        self._on_status = on_status
        self._processes = {
            plan.name: ManagedProcess(
                plan,
                environment=installation.environment(),
                logs=installation.logs,
            )
            for plan in _plans(installation)
        }

    def __getitem__(self, name: str) -> ManagedProcess:
        return self._processes[name]

    def names(self) -> Sequence[str]:
        """Return the names of the processes, in starting order."""
        return tuple(self._processes)

    def start(self, *names: str) -> None:
        """Start some processes, or all, and wait until they answer.

        Raises:
            ProcessNotHealthyError: One does not come up.
        """
        chosen = names or self.names()
        for name in chosen:
            if name == "worker":
                self._processes["prefect-server"].wait_healthy(
                    timeout_seconds=START_SECONDS
                )
                self.run_module("flows.deploy", log="deploy")
            self._on_status(name, "starting")
            self._processes[name].start()
        for name in chosen:
            self._processes[name].wait_healthy(timeout_seconds=START_SECONDS)
            self._on_status(name, "healthy")

    def stop(self) -> None:
        """Stop all processes, the last started first."""
        for name, process in reversed(self._processes.items()):
            process.stop()
            self._on_status(name, "stopped")

    @contextmanager
    def stopped_at_the_end(self) -> Iterator[None]:
        """Stop all processes when the work ends, whatever ends it.

        A request to end and a closed terminal count as Ctrl-C, even during the start.
        Further signals are ignored while the processes are being stopped, which takes
        a bounded time.
        """
        kept = {
            number: signal.signal(number, signal.default_int_handler)
            for number in ENDINGS
        }
        try:
            yield
        finally:
            for number in ENDINGS:
                signal.signal(number, signal.SIG_IGN)
            self.stop()
            for number, handler in kept.items():
                signal.signal(number, handler)

    def tend(self) -> None:
        """Start again what has died."""
        for name, process in self._processes.items():
            if process.pid is not None and not process.is_alive:
                self._on_status(name, "restarted")
                process.start()

    def run_module(self, module: str, *arguments: str, log: str) -> None:
        """Run a Python module to its end in the installation's environment.

        Raises:
            ProcessNotHealthyError: It failed; its log is named.
        """
        path = self.installation.logs / f"{log}.log"
        with path.open("ab") as file:
            finished = subprocess.run(  # noqa: S603 - our own fixed commands
                [sys.executable, "-m", module, *arguments],
                env=self.installation.environment(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if finished.returncode:
            raise ProcessNotHealthyError(process=log, log=str(path))


def _plans(installation: LocalInstallation) -> list[ProcessPlan]:
    prefect = str(Path(sys.executable).parent / "prefect")
    ports = installation.ports
    mlflow_home = installation.home / "mlflow"
    mlflow_home.mkdir(parents=True, exist_ok=True)
    store = f"sqlite:///{mlflow_home / 'mlflow.db'}"
    artifacts = str(mlflow_home / "artifacts")
    commands: dict[str, tuple[list[str], str | None]] = {
        "prefect-server": (
            [prefect, *_words(f"server start --host {HOST} --port {ports.prefect}")],
            f"{installation.prefect_url}/api/health",
        ),
        "mlflow": (
            [
                *_module("mlflow"),
                *_words(f"server --host {HOST} --port {ports.mlflow} --workers 1"),
                *("--serve-artifacts", "--artifacts-destination", artifacts),
                *("--backend-store-uri", store),
            ],
            f"{installation.mlflow_url}/health",
        ),
        "inference": (
            _module("unlearn_core.serving"),
            f"{installation.inference_url}/ready",
        ),
        "intake": (
            _module("unlearn_core.intake"),
            f"{installation.intake_url}/health",
        ),
        "worker": (
            [prefect, *_words(f"worker start --pool {WORK_POOL} --type process")],
            None,
        ),
    }
    return [
        ProcessPlan(name=name, command=command, health_url=url)
        for name, (command, url) in commands.items()
    ]


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", name]


def _words(text: str) -> list[str]:
    return text.split()
