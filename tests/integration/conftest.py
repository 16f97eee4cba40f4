"""One Prefect server for all tests that need one."""

from collections.abc import Iterator

import pytest
from prefect.testing.utilities import prefect_test_harness
from support.orchestrator import STARTUP_SECONDS


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """Start a server with an empty database; tests talk to it over HTTP."""
    with prefect_test_harness(server_startup_timeout=STARTUP_SECONDS):
        yield
