"""The deployment is made at a real Prefect server."""

from datetime import timedelta
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.schedules import IntervalSchedule

from flows import deploy
from unlearn_core.adapters.prefect_trigger import DEPLOYMENT

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.integration
@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize(
    "name",
    [
        "renew-serving-pointer/upkeep",
        "watch-deadlines/deadlines",
        "reverify-certificates/reverification",
    ],
)
def test_upkeep_deadlines_and_certificates_are_looked_at_every_six_hours(
    name: str,
) -> None:
    deploy.deploy()

    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name(name)

    (schedule,) = found.schedules
    assert schedule.active
    assert isinstance(schedule.schedule, IntervalSchedule)
    assert schedule.schedule.interval == timedelta(hours=6)
    assert found.parameters == {}


@pytest.mark.integration
@pytest.mark.usefixtures("prefect_server")
def test_certificates_are_looked_at_by_a_flow_of_this_repository() -> None:
    deploy.deploy()

    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name("reverify-certificates/reverification")

    assert found.entrypoint == "flows/reverification.py:reverify_certificates"


@pytest.mark.integration
@pytest.mark.usefixtures("prefect_server")
def test_the_trigger_finds_the_deployment_in_the_workers_pool() -> None:
    for _ in range(2):
        deploy.deploy()

    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name(DEPLOYMENT)
        pool = client.read_work_pool(deploy.WORK_POOL)

    assert found.work_pool_name == "unlearn"
    assert pool.type == "process"
    assert found.entrypoint == "flows/erasure.py:fulfil_erasure_request"
    assert found.path is None or Path(found.path) == ROOT
    assert found.parameters == {}
    schema = found.parameter_openapi_schema or {}
    assert list(schema["properties"]) == ["request_id"]
    assert found.global_concurrency_limit is not None
    assert found.global_concurrency_limit.limit == 2
