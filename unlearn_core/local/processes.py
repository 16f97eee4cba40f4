"""A child process with a log file, a health check and a clean end."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from unlearn_core.errors import DependencyError

STOP_SECONDS = 8.0
POLL_SECONDS = 0.2


class ProcessNotHealthyError(DependencyError):
    """A process of the local installation did not come up."""

    code = "process_not_healthy"
    summary = "a process did not start"
    next_step = "Read the named log file."


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessPlan:
    """How a process is started and how one knows that it works.

    Attributes:
        name: Name for people, and of its log file.
        command: Program and arguments.
        health_url: Page that answers 200 when all is well; None if there is none.
    """

    name: str
    command: Sequence[str]
    health_url: str | None


class ManagedProcess:
    """One running process.

    Args:
        plan: What to start.
        environment: Its environment.
        logs: Folder of the log files.
    """

    def __init__(
        self, plan: ProcessPlan, *, environment: Mapping[str, str], logs: Path
    ) -> None:
        self.plan = plan
        self._environment = dict(environment)
        self._log = logs / f"{plan.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Return the process id, if it was started."""
        return self._process.pid if self._process else None

    @property
    def is_alive(self) -> bool:
        """Tell whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process in a session of its own."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own fixed commands
                self.plan.command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_healthy(self) -> bool:
        """Tell whether the process runs and answers."""
        if not self.is_alive:
            return False
        if self.plan.health_url is None:
            return True
        try:
            return httpx.get(self.plan.health_url, timeout=2).is_success
        except httpx.HTTPError:
            return False

    def wait_healthy(self, *, timeout_seconds: float) -> None:
        """Wait until the process answers.

        Raises:
            ProcessNotHealthyError: It ended, or does not answer in time.
        """
        deadline = time.monotonic() + timeout_seconds
        while not self.is_healthy():
            if not self.is_alive or time.monotonic() > deadline:
                raise ProcessNotHealthyError(process=self.plan.name, log=str(self._log))
            time.sleep(POLL_SECONDS)

    def kill(self) -> None:
        """End the process and its children at once, as a power cut would."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """Ask the process to end; end it and its children if it does not."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=STOP_SECONDS)
        self.kill()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return
