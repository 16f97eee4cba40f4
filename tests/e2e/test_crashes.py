"""Processes are killed and stopped at the worst moments; the story still ends well.

Everything is real: Prefect server and worker, MLflow, database, services, SIGKILL.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import TERMINAL_STATES, StateType
from prefect.settings import PREFECT_API_URL, temporary_settings
from support import killed_flow
from support.installation import (
    LEASE_SECONDS,
    Running,
    is_running,
    start_installation,
    wait_until,
)

from unlearn_core.demo.traces import search_everywhere
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.smallworld.people import FIELDS
from unlearn_core.steps import scopes
from unlearn_core.training.recipe import load_ladder

pytestmark = [
    pytest.mark.e2e,
    # A child that outlives a test, as a stopped one does, warns when it is collected.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    patch = pytest.MonkeyPatch()
    started = start_installation(tmp_path_factory.mktemp("e2e") / "home", patch)
    yield started
    started.stack.stop()
    started.office.database.close()
    patch.undo()


def in_training(running: Running, request_id: RequestId, *, sequence: int) -> bool:
    """Tell whether a checkpoint of the training has been written."""
    recipe = load_ladder(running.office.settings.recipe)[0]
    name = scopes.checkpoint(0, recipe.digest, sequence=sequence)
    return Stage.TRAINED not in running.events(request_id) and (
        running.office.custody.has(scopes.working(request_id), name)
    )


def stop_between_transactions(running: Running, process: int) -> None:
    """Stop a process; one that is just reading the database goes on for a moment.

    As long as somebody reads, deleted values cannot be scrubbed, and whoever takes the
    work over waits for that. So it should be, but it is another story.
    """
    with closing(sqlite3.connect(running.installation.home / "unlearn.db")) as database:
        database.execute("PRAGMA busy_timeout = 1000")
        while True:
            os.kill(process, signal.SIGSTOP)
            if database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0:
                return
            os.kill(process, signal.SIGCONT)
            time.sleep(0.05)


def test_a_worker_killed_in_training_is_noticed_and_training_continues(
    running: Running,
) -> None:
    request_id = running.submit(running.population.trained[0])
    wait_until(lambda: in_training(running, request_id, sequence=1))
    (first,) = running.holders(request_id)
    os.kill(first, signal.SIGKILL)
    running.wait_for(request_id, Stage.NOTIFIED)
    assert len(running.holders(request_id)) == 2
    running.check_story(request_id)


@pytest.mark.parametrize(
    ("step", "person"), [("promote_version", 1), ("issue_certificate", 2)]
)
def test_a_flow_killed_between_two_steps_continues_and_repeats_nothing(
    running: Running, step: str, person: int
) -> None:
    # Nobody else may be at work, or the right moment is missed.
    for name in ("intake", "worker"):
        running.stack[name].stop()
    running.stack.start("intake")
    request_id = running.submit(running.population.trained[person])
    killed = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, killed_flow.__file__, step, str(request_id)],
        env=running.installation.environment()
        | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    running.stack.start("worker")
    running.wait_for(request_id, Stage.NOTIFIED)
    running.check_story(request_id)


def test_a_twin_that_wakes_up_after_its_lease_was_taken_over_changes_nothing(
    running: Running,
) -> None:
    request_id = running.submit(running.population.trained[3])
    wait_until(lambda: in_training(running, request_id, sequence=4))
    (sleeper,) = running.holders(request_id)
    stop_between_transactions(running, sleeper)
    try:
        running.wait_for(request_id, Stage.NOTIFIED)
        before = running.entries(request_id)
    finally:
        os.kill(sleeper, signal.SIGCONT)
    wait_until(lambda: not is_running(sleeper), seconds=60 + LEASE_SECONDS)
    assert running.entries(request_id) == before
    running.check_story(request_id)


def test_every_erasure_is_served_in_the_end(running: Running) -> None:
    answer = running.ask("How are you?")
    assert answer["offset"]["sequence"] == 4


def test_the_canaries_left_no_trace(running: Running) -> None:
    home = running.installation.home
    values = [
        value
        for person in running.population.trained[:4]
        for value in (person.name, person.facts["email"], person.facts["phone"])
    ]
    report = search_everywhere([home], values)
    assert report.traces == []
    assert {"prefect", "mlflow", "logs", "objects"} <= {
        path.name for path in Path(home).iterdir()
    }
    # The search itself works: somebody who is still trained on is found.
    kept = running.population.trained[5]
    assert search_everywhere([home], [kept.facts[FIELDS[0]], kept.name]).traces


def test_flows_with_a_schedule_have_their_next_runs_and_can_be_run(
    running: Running,
) -> None:
    with (
        temporary_settings(
            {PREFECT_API_URL: f"{running.installation.prefect_url}/api"}
        ),
        get_client(sync_client=True) as client,
    ):
        deployments = [found for found in client.read_deployments() if found.schedules]
        assert {found.name for found in deployments} == {
            "upkeep",
            "deadlines",
            "reverification",
            "checkpoints",
            "retention",
        }
        for found in deployments:
            only = DeploymentFilter(id=DeploymentFilterId(any_=[found.id]))
            runs = client.read_flow_runs(deployment_filter=only)
            assert any(run.auto_scheduled for run in runs), found.name
        ours = [client.create_flow_run_from_deployment(it.id) for it in deployments]
        wait_until(
            lambda: all(
                client.read_flow_run(run.id).state_type in TERMINAL_STATES
                for run in ours
            )
        )
        ended = {client.read_flow_run(run.id).state_type for run in ours}
    assert ended == {StateType.COMPLETED}


def test_metrics_and_health_name_nobody(running: Running) -> None:
    for url in (running.installation.intake_url, running.installation.inference_url):
        assert httpx.get(f"{url}/health").is_success
