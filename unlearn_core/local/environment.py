"""Where the parts of a local installation are: one folder, a few ports."""

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from unlearn_core.errors import DependencyError

HOST = "127.0.0.1"


class PortTakenError(DependencyError):
    """Another program listens where a part of the installation should."""

    code = "port_taken"
    summary = "another program listens on a port of the local installation"
    next_step = "Stop that program; it may be an installation that still runs."


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Ports on the loopback interface."""

    prefect: int = 4210
    mlflow: int = 5050
    intake: int = 8820
    inference: int = 8810

    @classmethod
    def free(cls) -> "Ports":
        """Return ports that nobody listens on."""
        sockets = [socket.socket() for _ in range(4)]
        try:
            for item in sockets:
                item.bind((HOST, 0))
            first, second, third, fourth = (item.getsockname()[1] for item in sockets)
            return cls(prefect=first, mlflow=second, intake=third, inference=fourth)
        finally:
            for item in sockets:
                item.close()

    def check_free(self) -> None:
        """Make sure that nobody listens on any of the ports.

        Raises:
            PortTakenError: Somebody does; process and port are named.
        """
        for name, port in asdict(self).items():
            with socket.socket() as probe:
                # As servers do: connections that are just closing do not matter.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((HOST, port))
                except OSError:
                    raise PortTakenError(process=name, port=port) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalInstallation:
    """A folder with everything, and the ports of its services.

    Attributes:
        home: The folder.
        ports: The ports.
        base_model: Name of the base model.
    """

    home: Path
    ports: Ports
    base_model: str = "small-world"

    @property
    def sources(self) -> Path:
        """Return the folder of the training sources."""
        return self.home / "sources"

    @property
    def models(self) -> Path:
        """Return the folder of base and reference."""
        return self.home / "models"

    @property
    def keys(self) -> Path:
        """Return the key directory."""
        return self.home / "keys"

    @property
    def logs(self) -> Path:
        """Return the folder of the processes' logs."""
        return self.home / "logs"

    @property
    def temporary(self) -> Path:
        """Return the folder for temporary files, so that they can be searched."""
        return self.home / "tmp"

    @property
    def identity_provider(self) -> Path:
        """Return the folder of the stand-in for the controller's identity provider."""
        return self.home / "identity-provider"

    @property
    def prefect_url(self) -> str:
        """Return the address of the Prefect server."""
        return f"http://{HOST}:{self.ports.prefect}"

    @property
    def mlflow_url(self) -> str:
        """Return the address of the MLflow server."""
        return f"http://{HOST}:{self.ports.mlflow}"

    @property
    def intake_url(self) -> str:
        """Return the address of the intake service."""
        return f"http://{HOST}:{self.ports.intake}"

    @property
    def inference_url(self) -> str:
        """Return the address of the inference service."""
        return f"http://{HOST}:{self.ports.inference}"

    def settings(self) -> Mapping[str, str]:
        """Return unlearn's own variables."""
        home = self.home
        return {
            "UNLEARN_DATABASE_URL": f"sqlite:///{home / 'unlearn.db'}",
            "UNLEARN_DATA_MAP": str(self.sources / "data-map.yaml"),
            "UNLEARN_MLFLOW_URI": self.mlflow_url,
            "UNLEARN_REPLICAS": f'["{self.inference_url}"]',
            "UNLEARN_MODEL__NAME": self.base_model,
            "UNLEARN_MODEL__BASE": str(self.models / "base"),
            "UNLEARN_MODEL__REFERENCE": str(self.models / "reference"),
            "UNLEARN_KEYS__DIRECTORY": str(self.keys),
            "UNLEARN_IDENTITY__PUBLIC_KEY": str(self.identity_provider / "public.jwk"),
            "UNLEARN_OBJECTS__LOCATION": str(home / "objects"),
            "UNLEARN_SERVING__PORT": str(self.ports.inference),
            "UNLEARN_SERVING__CACHE": str(home / "replica-1"),
            "UNLEARN_INTAKE__PORT": str(self.ports.intake),
        }

    def environment(self) -> dict[str, str]:
        """Return the whole environment of the processes."""
        return {**os.environ, **self.own_environment()}

    def own_environment(self) -> dict[str, str]:
        """Return what the installation adds to an environment."""
        executables = str(Path(sys.executable).parent)
        own = {
            "PATH": executables + os.pathsep + os.environ.get("PATH", ""),
            "TMPDIR": str(self.temporary),
            "PREFECT_HOME": str(self.home / "prefect"),
            "PREFECT_API_URL": f"{self.prefect_url}/api",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            # The place of a run whose process died is free again after so many seconds.
            "PREFECT_SERVER_CONCURRENCY_INITIAL_DEPLOYMENT_LEASE_DURATION": "30",
            "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
            "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_LOGGING_COLORS": "false",
            "PREFECT_CLI_COLORS": "false",
            "DO_NOT_TRACK": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MPLCONFIGDIR": str(self.home / "matplotlib"),
            "HF_HOME": str(self.home / "huggingface"),
            "HF_HUB_OFFLINE": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore",
        }
        return {**own, **self.settings()}

    def make_folders(self) -> None:
        """Create the folders that processes expect."""
        for folder in (self.home, self.logs, self.temporary):
            folder.mkdir(parents=True, exist_ok=True)
