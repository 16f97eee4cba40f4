import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from unlearn_core.local import stack as stack_module
from unlearn_core.local.environment import HOST, LocalInstallation, Ports
from unlearn_core.local.processes import ProcessNotHealthyError, ProcessPlan
from unlearn_core.local.stack import LocalStack

SLEEP = "import time; time.sleep(600)"
PARTS = ("prefect-server", "mlflow", "inference", "intake", "worker")
Events = list[tuple[str, str]]


@pytest.fixture
def installation(tmp_path: Path) -> LocalInstallation:
    installation = LocalInstallation(home=tmp_path, ports=Ports.free())
    installation.make_folders()
    return installation


@pytest.fixture
def events() -> Events:
    return []


def _plan(name: str, code: str) -> ProcessPlan:
    return ProcessPlan(name=name, command=[sys.executable, "-c", code], health_url=None)


@pytest.fixture
def stack(
    installation: LocalInstallation, events: Events, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LocalStack]:
    """Give a stack of real processes that do nothing; real parts take a minute."""
    plans = [_plan(name, SLEEP) for name in ("prefect-server", "intake", "worker")]
    monkeypatch.setattr(stack_module, "_plans", lambda _installation: plans)
    stack = LocalStack(
        installation, on_status=lambda name, word: events.append((name, word))
    )
    monkeypatch.setattr(
        LocalStack,
        "run_module",
        lambda _self, module, **_named: events.append((module, "run")),
    )
    yield stack
    stack.stop()


def test_parts_are_started_in_order_and_the_flow_deployed_before_the_worker(
    stack: LocalStack, events: Events
) -> None:
    stack.start()

    assert events == [
        ("prefect-server", "starting"),
        ("intake", "starting"),
        ("flows.deploy", "run"),
        ("worker", "starting"),
        ("prefect-server", "healthy"),
        ("intake", "healthy"),
        ("worker", "healthy"),
    ]
    assert all(stack[name].is_alive for name in stack.names())


def test_parts_are_stopped_in_the_opposite_order(
    stack: LocalStack, events: Events
) -> None:
    stack.start("prefect-server", "intake")
    events.clear()

    stack.stop()

    assert events == [
        ("worker", "stopped"),
        ("intake", "stopped"),
        ("prefect-server", "stopped"),
    ]
    assert not any(stack[name].is_alive for name in stack.names())


@pytest.mark.parametrize("number", stack_module.ENDINGS)
def test_any_signal_that_ends_the_work_stops_the_parts_first(
    stack: LocalStack, number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    stack.start("intake")
    with pytest.raises(KeyboardInterrupt), stack.stopped_at_the_end():
        signal.raise_signal(number)
    assert not stack["intake"].is_alive
    assert signal.getsignal(number) == before


def test_parts_are_stopped_when_the_work_fails(stack: LocalStack) -> None:
    stack.start("intake")
    with pytest.raises(LookupError), stack.stopped_at_the_end():
        raise LookupError
    assert not stack["intake"].is_alive


def test_only_what_has_died_is_started_again(stack: LocalStack, events: Events) -> None:
    stack.start("prefect-server", "intake")
    kept = stack["prefect-server"].pid
    stack["intake"].kill()
    events.clear()

    stack.tend()

    assert events == [("intake", "restarted")]
    assert stack["intake"].is_alive
    assert stack["prefect-server"].pid == kept
    # The worker was never asked for.
    assert stack["worker"].pid is None


def test_a_part_that_does_not_come_up_is_named(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = ProcessPlan(
        name="intake",
        command=[sys.executable, "-c", "raise SystemExit(1)"],
        health_url="http://127.0.0.1:9/",
    )
    monkeypatch.setattr(stack["intake"], "plan", broken)

    with pytest.raises(ProcessNotHealthyError, match="process=intake"):
        stack.start("intake")


@pytest.mark.parametrize(
    ("arguments", "fails"), [((), True), (("--help",), False)], ids=["wrong", "right"]
)
def test_a_module_is_run_to_its_end_and_its_output_kept(
    installation: LocalInstallation,
    arguments: tuple[str, ...],
    fails: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """A tool of the standard library stands for ours; it needs an argument."""
    log = installation.logs / "tool.log"
    stack = LocalStack(installation)

    if fails:
        with pytest.raises(ProcessNotHealthyError) as caught:
            stack.run_module("zipfile", *arguments, log="tool")
        assert caught.value.facts == {"process": "tool", "log": str(log)}
    else:
        stack.run_module("zipfile", *arguments, log="tool")
    assert "usage" in log.read_text()


def test_the_parts_of_an_installation_and_the_pages_that_tell_of_their_health(
    installation: LocalInstallation,
) -> None:
    plans = {plan.name: plan for plan in stack_module._plans(installation)}

    assert tuple(plans) == PARTS
    assert LocalStack(installation).names() == PARTS
    ports = installation.ports
    assert {name: plan.health_url for name, plan in plans.items()} == {
        "prefect-server": f"http://{HOST}:{ports.prefect}/api/health",
        "mlflow": f"http://{HOST}:{ports.mlflow}/health",
        "inference": f"http://{HOST}:{ports.inference}/ready",
        "intake": f"http://{HOST}:{ports.intake}/health",
        "worker": None,
    }


def test_no_part_listens_to_other_machines(installation: LocalInstallation) -> None:
    for plan in stack_module._plans(installation):
        words = list(plan.command)
        assert "0.0.0.0" not in " ".join(words)  # noqa: S104 - its absence
        if "--host" in words:
            assert words[words.index("--host") + 1] == HOST


def test_mlflow_keeps_everything_in_the_installations_folder(
    installation: LocalInstallation,
) -> None:
    [plan] = [
        item for item in stack_module._plans(installation) if item.name == "mlflow"
    ]

    words = list(plan.command)
    store = words[words.index("--backend-store-uri") + 1]
    artifacts = words[words.index("--artifacts-destination") + 1]
    assert Path(store.removeprefix("sqlite:///")).is_relative_to(installation.home)
    assert Path(artifacts).is_relative_to(installation.home)
