"""A real MLflow store in a database file, and the address of one that is down."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SADeprecationWarning

DOWN = "http://127.0.0.1:9"
"""The discard port: nothing listens there, so connecting fails at once."""


@contextmanager
def mlflow_store(folder: Path) -> Iterator[str]:
    """Give the address of an empty store whose files stay in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setenv("DO_NOT_TRACK", "1")
        (folder / "mlflow.db").write_bytes(_empty_file())
        yield f"sqlite:///{folder}/mlflow.db"


@cache
def _empty_file() -> bytes:
    """Let MLflow create its tables once; that takes seconds."""
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        # MLflow makes SQLAlchemy look at every table of the process, its own and
        # Prefect's; both use what SQLAlchemy 2.1 deprecates.
        warnings.simplefilter("ignore", SADeprecationWarning)
        path = Path(folder) / "mlflow.db"
        uri = f"sqlite:///{path}"
        MlflowClient(tracking_uri=uri, registry_uri=uri).search_experiments()
        return path.read_bytes()
