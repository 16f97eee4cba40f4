"""The registry of offset pairs in MLflow.

- A bundle is logged as artifacts of the training run and registered by a
  ``runs:/`` source; nothing in it is code and nothing is ever loaded by MLflow.
- A version whose source is not the bundle of its own run is refused: whoever can
  create versions could point consumers anywhere.
- Tags hold digests, numbers and request ids.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow.artifacts
import requests
from mlflow.entities import Metric
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from unlearn_core.domain.artifacts import registered_model_name
from unlearn_core.domain.canonical import Digest, JsonValue
from unlearn_core.errors import (
    ManifestInvalidError,
    RegistryOutdatedError,
    RegistryUnavailableError,
    StorageError,
)
from unlearn_core.ports import RegisteredVersion

BUNDLE = "bundle"
_MANIFEST, _SEQUENCE, _REQUEST = (
    "unlearn.manifest",
    "unlearn.sequence",
    "unlearn.request_id",
)
_POINTER = "unlearn.pointer"
_RESTRICTIONS = "unlearn.restrictions"
_TAG = 4000
"""Characters that a tag can have in every database."""

_OUTDATED = "out-of-date database schema"
_NOT_FOUND = {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"}


class MlflowArtifactRegistry:
    """`ArtifactRegistry` over an MLflow server.

    Args:
        uri: Address of the server.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        with translated():
            self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)

    def register(
        self, base_model: str, bundle: Path, *, version: RegisteredVersion, run: str
    ) -> RegisteredVersion:
        """Upload a bundle and register it; the version number is filled in."""
        name = registered_model_name(base_model)
        with translated():
            self._ensure_model(name)
            self._client.log_artifacts(run, str(bundle), BUNDLE)
            created = self._client.create_model_version(
                name,
                source=f"runs:/{run}/{BUNDLE}",
                run_id=run,
                tags={
                    _MANIFEST: version.manifest,
                    _SEQUENCE: str(version.sequence),
                    _REQUEST: version.request_id,
                },
            )
        return _registered(created)

    def versions(self, base_model: str) -> tuple[RegisteredVersion, ...]:
        """Return all versions, oldest first; none if the model is unknown."""
        name = registered_model_name(base_model)
        with translated():
            found = self._client.search_model_versions(f"name = '{name}'")
        ours = [item for item in found if _MANIFEST in item.tags]
        return tuple(map(_registered, sorted(ours, key=lambda item: int(item.version))))

    def delete(self, base_model: str, version: str) -> None:
        """Remove a version that was never promoted."""
        with translated():
            self._client.delete_model_version(
                registered_model_name(base_model), version
            )

    def set_alias(self, base_model: str, alias: str, version: str) -> None:
        """Point an alias at a version."""
        with translated():
            self._client.set_registered_model_alias(
                registered_model_name(base_model), alias, version
            )

    def alias(self, base_model: str, alias: str) -> str | None:
        """Return the version that an alias points at."""
        with translated():
            model = self._model(base_model)
        aliases: dict[str, object] = model.aliases if model else {}
        return str(aliases[alias]) if alias in aliases else None

    def download(self, base_model: str, version: str, destination: Path) -> None:
        """Fetch a version's bundle into an empty folder."""
        with translated():
            found = self._client.get_model_version(
                registered_model_name(base_model), version
            )
            if found.source != f"runs:/{found.run_id}/{BUNDLE}":
                raise ManifestInvalidError(problem="source of the version")
            mlflow.artifacts.download_artifacts(
                run_id=found.run_id,
                artifact_path=BUNDLE,
                dst_path=str(destination),
                tracking_uri=self._uri,
            )
            fetched = destination / BUNDLE
            for path in fetched.iterdir():
                path.rename(destination / path.name)
            fetched.rmdir()

    def publish_restrictions(self, base_model: str, envelope: bytes) -> None:
        """Publish the signed list of restrictions, before any version as well.

        It is cut into tags that every database of MLflow takes. Who reads while they
        are written gets something whose signature is wrong, and looks again.
        """
        name, text = registered_model_name(base_model), envelope.decode()
        parts = [text[at : at + _TAG] for at in range(0, len(text), _TAG)]
        with translated():
            self._ensure_model(name)
            for number, part in enumerate(parts):
                self._client.set_registered_model_tag(
                    name, f"{_RESTRICTIONS}.{number}", part
                )
            self._client.set_registered_model_tag(name, _RESTRICTIONS, str(len(parts)))
            # What is left of a longer list names people who are on none any more.
            known, number = self._model(base_model), len(parts)
            while known and (tag := f"{_RESTRICTIONS}.{number}") in known.tags:
                self._client.delete_registered_model_tag(name, tag)
                number += 1

    def restrictions(self, base_model: str) -> bytes | None:
        """Return the published list of restrictions.

        Raises:
            ManifestInvalidError: A part of it is missing.
        """
        with translated():
            model = self._model(base_model)
        tags: dict[str, str] = model.tags if model else {}
        if _RESTRICTIONS not in tags:
            return None
        try:
            count = int(tags[_RESTRICTIONS])
            parts = [tags[f"{_RESTRICTIONS}.{number}"] for number in range(count)]
        except (KeyError, ValueError):
            raise ManifestInvalidError(problem="list of restrictions") from None
        return "".join(parts).encode()

    def publish_pointer(self, base_model: str, envelope: bytes) -> None:
        """Publish the signed serving pointer."""
        with translated():
            self._client.set_registered_model_tag(
                registered_model_name(base_model), _POINTER, envelope.decode()
            )

    def pointer(self, base_model: str) -> bytes | None:
        """Return the published serving pointer."""
        with translated():
            model = self._model(base_model)
        tags: dict[str, str] = model.tags if model else {}
        return tags[_POINTER].encode() if _POINTER in tags else None

    def _model(self, base_model: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - an untyped MLflow entity
        try:
            return self._client.get_registered_model(registered_model_name(base_model))
        except MlflowException as error:
            if error.error_code in _NOT_FOUND:
                return None
            raise

    def _ensure_model(self, name: str) -> None:
        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise


class MlflowRunTracker:
    """`RunTracker` over an MLflow server.

    Args:
        uri: Address of the server.
        experiment: Name of the experiment that collects the runs.
    """

    def __init__(self, uri: str, *, experiment: str = "unlearn") -> None:
        with translated():
            self._client = MlflowClient(tracking_uri=uri)
        self._experiment = experiment

    def start(self, name: str, parameters: Mapping[str, JsonValue]) -> str:
        """Begin a run and return its id."""
        with translated():
            run = self._client.create_run(self._experiment_id(), run_name=name)
            for key, value in parameters.items():
                self._client.log_param(run.info.run_id, key, value)
        return str(run.info.run_id)

    def log(self, run: str, values: Mapping[str, float], *, step: int) -> None:
        """Record numbers of one step."""
        moment = round(time.time() * 1000)
        with translated():
            self._client.log_batch(
                run,
                metrics=[
                    Metric(key, value, moment, step) for key, value in values.items()
                ],
            )

    def attach(self, run: str, name: str, data: bytes) -> None:
        """Attach a file, such as a plot or a report."""
        with translated(), TemporaryDirectory() as folder:
            path = Path(folder) / Path(name).name
            path.write_bytes(data)
            parent = Path(name).parent
            place = None if parent == Path() else str(parent)
            self._client.log_artifact(run, str(path), place)

    def finish(self, run: str, *, succeeded: bool) -> None:
        """End a run."""
        with translated():
            self._client.set_terminated(run, "FINISHED" if succeeded else "FAILED")

    def _experiment_id(self) -> str:
        found = self._client.get_experiment_by_name(self._experiment)
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(self._experiment))


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of MLflow and of the network into ours, without their text.

    Raises:
        RegistryOutdatedError: The store is a database of another version of MLflow.
        RegistryUnavailableError: The server does not answer or refuses.
        StorageError: A file cannot be written here, a full disk included.
    """
    try:
        yield
    except (MlflowException, requests.RequestException) as error:
        if _OUTDATED in str(error):
            raise RegistryOutdatedError from None
        code = getattr(error, "error_code", None) or type(error).__name__
        raise RegistryUnavailableError(code=str(code)) from None
    except OSError as error:
        raise StorageError(errno=error.errno) from None


def _registered(version: ModelVersion) -> RegisteredVersion:
    return RegisteredVersion(
        version=str(version.version),
        manifest=Digest(version.tags[_MANIFEST]),
        sequence=int(version.tags[_SEQUENCE]),
        request_id=version.tags[_REQUEST],
    )
