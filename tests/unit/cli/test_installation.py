import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.cli import unlearn

from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.cli import installation
from unlearn_core.local import stack
from unlearn_core.local.environment import HOST, LocalInstallation, Ports
from unlearn_core.local.processes import (
    ManagedProcess,
    ProcessNotHealthyError,
    ProcessPlan,
)
from unlearn_core.local.stack import LocalStack

pytestmark = pytest.mark.integration

WAIT_SECONDS = 20.0
SLEEP = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    f"open(sys.argv[1], 'w').close(); {SLEEP}"
)
PARENT = (
    "import subprocess, sys; "
    f"child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); "
    "open(sys.argv[1], 'w').write(str(child.pid)); child.wait()"
)


# Keys and database.


def test_keys_are_created_once_and_then_left_alone(home: Path) -> None:
    before = {path: path.read_bytes() for path in (home / "keys").iterdir()}
    (home / "keys" / "kek.key").unlink()
    ran = unlearn("keys", "init")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == f"public keys: {home / 'keys' / 'trust.json'}\n"
    after = {path: path.read_bytes() for path in (home / "keys").iterdir()}
    assert {path.name for path in after if after[path] != before[path]} == {"kek.key"}
    assert {path.stat().st_mode & 0o777 for path in after} == {0o600}
    assert KeyDirectory(home / "keys").trusted()


def test_the_schema_is_brought_up_to_date_and_nothing_is_lost(home: Path) -> None:
    (home / "unlearn.db").unlink()
    assert unlearn("ledger", "verify").err.startswith("schema_outdated: ")
    for _ in range(2):
        ran = unlearn("database", "upgrade")
        assert (ran.code, ran.out, ran.err) == (0, "", "the schema is current\n")
    assert unlearn("ledger", "verify", "--json").json()["entries"] == 0


def test_a_database_that_does_not_answer_is_said(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "folder").mkdir()
    monkeypatch.setenv("UNLEARN_DATABASE_URL", f"sqlite:///{home / 'folder'}")
    for command in ("database upgrade", "request list"):
        ran = unlearn(*command.split())
        assert (ran.code, ran.err.split(":")[0]) == (3, "database_unavailable")


# The local installation.


@pytest.fixture
def pids() -> Iterator[list[int]]:
    """Collect the processes that a test started, and end those that are left."""
    started: list[int] = []
    yield started
    for pid in filter(is_running, started):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def calm() -> Iterator[None]:
    """Let a signal that comes too late harm nobody."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    kept = {number: signal.signal(number, ignore) for number in numbers}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def ignore(_number: int, _frame: object) -> None:
    """Do nothing about a signal."""


@pytest.fixture
def small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pids: list[int], calm: None
) -> dict[str, ProcessPlan]:
    """Let `up` start processes that only wait, without preparing a world."""
    del calm
    plans = {name: plan(name, SLEEP) for name in ("first", "second")}
    monkeypatch.setattr(stack, "_plans", lambda _installation: list(plans.values()))
    monkeypatch.setattr(installation, "_prepare", lambda *_: None)
    monkeypatch.setattr(LocalStack, "run_module", lambda *_, **__: None)
    monkeypatch.setattr(installation, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(installation, "Ports", Ports.free)
    start = ManagedProcess.start

    def remember(process: ManagedProcess) -> None:
        start(process)
        assert process.pid is not None
        pids.append(process.pid)

    monkeypatch.setattr(ManagedProcess, "start", remember)
    monkeypatch.chdir(tmp_path)
    return plans


def plan(name: str, code: str, *arguments: str, url: str | None = None) -> ProcessPlan:
    command = [sys.executable, "-S", "-c", code, *arguments]
    return ProcessPlan(name=name, command=command, health_url=url)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def signal_when(
    condition: Callable[[], bool], *numbers: signal.Signals
) -> threading.Thread:
    """Send signals to this process, 0.1 seconds apart, once something is so."""

    def send() -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)
        for number in numbers:
            os.kill(os.getpid(), number)
            time.sleep(0.1)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_every_process_and_is_a_normal_end(
    small: dict[str, ProcessPlan], pids: list[int], number: signal.Signals
) -> None:
    del small
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    sender = signal_when(lambda: len(pids) == 2, number)
    ran = unlearn("up")
    sender.join()
    assert (ran.code, ran.out) == (0, "")
    assert [is_running(pid) for pid in pids] == [False, False]
    assert "first" in ran.err
    assert "stopped" in ran.err
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == (
        handlers
    )


def test_a_signal_interrupts_even_the_start(
    small: dict[str, ProcessPlan], pids: list[int]
) -> None:
    small["second"] = plan("second", SLEEP, url="http://127.0.0.1:9/never")
    sender = signal_when(lambda: len(pids) == 2, signal.SIGTERM)
    began = time.monotonic()
    assert unlearn("up").code == 0
    sender.join()
    assert time.monotonic() - began < WAIT_SECONDS
    assert [is_running(pid) for pid in pids] == [False, False]


def test_impatient_further_signals_leave_no_process_behind(
    small: dict[str, ProcessPlan],
    pids: list[int],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("unlearn_core.local.processes.STOP_SECONDS", 0.5)
    note = tmp_path / "stubborn"
    small["second"] = plan("second", STUBBORN, str(note))
    numbers = (signal.SIGINT, signal.SIGINT, signal.SIGTERM)
    sender = signal_when(note.is_file, *numbers)
    assert unlearn("up").code == 0
    sender.join()
    assert [is_running(pid) for pid in pids] == [False, False]


def test_children_of_the_processes_are_stopped_too(
    small: dict[str, ProcessPlan], pids: list[int], tmp_path: Path
) -> None:
    note = tmp_path / "grandchild"
    small["second"] = plan("second", PARENT, str(note))

    def has_grandchild() -> bool:
        return note.is_file() and bool(note.read_text())

    sender = signal_when(has_grandchild, signal.SIGTERM)
    assert unlearn("up").code == 0
    sender.join()
    pids.append(int(note.read_text()))
    deadline = time.monotonic() + WAIT_SECONDS
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [is_running(pid) for pid in pids] == [False, False, False]


def test_a_process_that_does_not_come_up_stops_the_others_and_is_named(
    small: dict[str, ProcessPlan], pids: list[int]
) -> None:
    small["second"] = plan("second", "raise SystemExit(1)", url="http://127.0.0.1:9/")
    ran = unlearn("up")
    assert ran.code == 3
    assert ProcessNotHealthyError.summary in ran.err
    assert "process=second" in ran.err
    assert [is_running(pid) for pid in pids] == [False, False]


def test_a_process_that_dies_is_started_again(
    small: dict[str, ProcessPlan], pids: list[int]
) -> None:
    small["second"] = plan("second", "raise SystemExit(1)")
    sender = signal_when(lambda: len(pids) > 3, signal.SIGTERM)
    ran = unlearn("up")
    sender.join()
    assert ran.code == 0
    assert len(pids) > 3
    assert not any(map(is_running, pids))


def test_a_taken_port_is_said_before_anything_is_started(
    small: dict[str, ProcessPlan],
    pids: list[int],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    del small
    ports = Ports.free()
    monkeypatch.setattr(installation, "Ports", lambda: ports)
    with socket.create_server((HOST, ports.mlflow)):
        ran = unlearn("up")
    assert ran.code == 3
    assert ran.err.startswith("port_taken: ")
    assert f"process=mlflow, port={ports.mlflow}" in ran.err
    assert pids == []
    assert not (tmp_path / "var").exists()


def test_the_board_shows_health_and_addresses(
    small: dict[str, ProcessPlan], tmp_path: Path
) -> None:
    small["intake"] = plan("intake", SLEEP, url="http://127.0.0.1:9/")
    place = LocalInstallation(home=tmp_path, ports=Ports())
    place.make_folders()
    board = installation._Board(place)
    changes: list[int] = []
    board.on_change = lambda: changes.append(1)
    running = LocalStack(place, on_status=board.note)
    running["first"].start()
    running["intake"].start()
    try:
        for _ in range(2):
            board.check(running)
    finally:
        running.stop()
    names, words, addresses = (list(column.cells) for column in board.table().columns)
    assert names == ["first", "second", "intake"]
    assert words == ["stopped", "stopped", "stopped"]
    assert addresses == ["", "", "http://127.0.0.1:8820/docs"]
    # Three words of the first look, none of the second, three of the end.
    assert len(changes) == 6
