import os
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from unlearn_core.local import processes
from unlearn_core.local.environment import HOST, Ports
from unlearn_core.local.processes import (
    ManagedProcess,
    ProcessNotHealthyError,
    ProcessPlan,
)

pytestmark = pytest.mark.integration

# A child and its own child, which holds a pipe open for as long as it lives.
FAMILY = """
    import subprocess, sys
    child = "import time; pipe = open({pipe!r}, 'w'); time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", child])
    {then}
"""


@contextmanager
def _process(
    folder: Path, code: str, *, health_url: str | None = None
) -> Iterator[ManagedProcess]:
    """Make a process of some Python code; whatever happens, it ends."""
    plan = ProcessPlan(
        name="toy",
        command=[sys.executable, "-c", textwrap.dedent(code)],
        health_url=health_url,
    )
    process = ManagedProcess(plan, environment={"COLOUR": "blue"}, logs=folder)
    try:
        yield process
    finally:
        process.kill()


def _wait_for(path: Path, text: str) -> None:
    deadline = time.monotonic() + 20
    while not path.is_file() or text not in path.read_text():
        assert time.monotonic() < deadline, f"{text} never came"
        time.sleep(0.01)


def test_a_process_has_the_given_environment_and_writes_a_log(tmp_path: Path) -> None:
    code = "import os; print('seen', os.environ['COLOUR'], os.environ.get('HOME'))"
    with _process(tmp_path, code) as process:
        process.start()
        _wait_for(tmp_path / "toy.log", "seen blue None")


def test_a_process_that_was_not_started_is_nothing(tmp_path: Path) -> None:
    with _process(tmp_path, "pass") as process:
        assert (process.pid, process.is_alive, process.is_healthy()) == (
            None,
            False,
            False,
        )
        process.stop()


def test_a_running_process_without_a_page_is_healthy(tmp_path: Path) -> None:
    with _process(tmp_path, "import time; time.sleep(600)") as process:
        process.start()
        process.wait_healthy(timeout_seconds=0)

        assert process.is_alive
        assert process.pid is not None


def test_a_process_that_ends_at_once_is_reported_with_its_log(tmp_path: Path) -> None:
    code = "import sys; print('no such key', file=sys.stderr); sys.exit(3)"
    with _process(tmp_path, code, health_url="http://127.0.0.1:9/health") as process:
        process.start()
        with pytest.raises(ProcessNotHealthyError) as caught:
            process.wait_healthy(timeout_seconds=30)

    log = tmp_path / "toy.log"
    assert caught.value.facts == {"process": "toy", "log": str(log)}
    assert "no such key" in log.read_text()


def test_a_process_that_never_answers_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "POLL_SECONDS", 0.01)
    url = f"http://{HOST}:{Ports.free().intake}/"
    with _process(tmp_path, "import time; time.sleep(600)", health_url=url) as process:
        process.start()
        with pytest.raises(ProcessNotHealthyError):
            process.wait_healthy(timeout_seconds=0.05)

        assert process.is_alive


@pytest.mark.parametrize(("page", "healthy"), [("/", True), ("/absent", False)])
def test_health_is_what_the_page_says(
    tmp_path: Path,
    page: str,
    healthy: bool,  # noqa: FBT001 - a column of the table
) -> None:
    port = Ports.free().intake
    code = f"""
        import http.server
        handler = http.server.SimpleHTTPRequestHandler
        server = http.server.HTTPServer(({HOST!r}, {port}), handler)
        print("ready", flush=True)
        server.serve_forever()
    """
    with _process(tmp_path, code, health_url=f"http://{HOST}:{port}{page}") as process:
        process.start()
        _wait_for(tmp_path / "toy.log", "ready")

        assert process.is_healthy() is healthy


@pytest.mark.parametrize("how", ["stop", "kill"])
@pytest.mark.parametrize(
    "then",
    ["import time; time.sleep(600)", "pass"],
    ids=["a parent that runs", "a parent that has ended"],
)
def test_children_end_with_their_parent(tmp_path: Path, how: str, then: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with _process(tmp_path, FAMILY.format(pipe=str(pipe), then=then)) as process:
        process.start()
        with pipe.open() as reading:
            # Opening waited for the grandchild, so it lives.
            assert not _is_closed(reading.fileno(), seconds=0.05)
            getattr(process, how)()

            assert not process.is_alive
            assert _is_closed(reading.fileno(), seconds=10)


def _is_closed(descriptor: int, *, seconds: float) -> bool:
    """Tell whether nobody holds the other end of a pipe any more."""
    os.set_blocking(descriptor, False)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            return os.read(descriptor, 1) == b""
        except BlockingIOError:
            time.sleep(0.005)
    return False


def test_a_process_is_asked_to_end_before_it_is_made_to(tmp_path: Path) -> None:
    code = """
        import signal, sys, time
        def end(*_):
            print("goodbye", flush=True)
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        print("ready", flush=True)
        time.sleep(600)
    """
    with _process(tmp_path, code) as process:
        process.start()
        _wait_for(tmp_path / "toy.log", "ready")
        process.stop()

    assert (tmp_path / "toy.log").read_text() == "ready\ngoodbye\n"


def test_a_process_that_does_not_listen_is_made_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.05)
    code = """
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("ready", flush=True)
        time.sleep(600)
    """
    with _process(tmp_path, code) as process:
        process.start()
        _wait_for(tmp_path / "toy.log", "ready")
        process.stop()

        assert not process.is_alive


def test_a_process_can_be_started_again_and_its_log_goes_on(tmp_path: Path) -> None:
    with _process(tmp_path, "print('line', flush=True)") as process:
        for _ in range(2):
            process.start()
            os.waitid(os.P_PID, process.pid or 0, os.WEXITED | os.WNOWAIT)
            assert not process.is_alive

    assert (tmp_path / "toy.log").read_text() == "line\nline\n"


def test_a_signal_to_this_process_does_not_reach_the_other(tmp_path: Path) -> None:
    """Ctrl+C goes to a whole session; the installation stops in its own order."""
    with _process(tmp_path, "import time; time.sleep(600)") as process:
        process.start()
        assert os.getsid(process.pid or 0) != os.getsid(0)
