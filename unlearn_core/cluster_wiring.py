"""From settings to what a worker of a cluster runs, and to whoever asks it to.

A worker is any Dask worker that can import this module. It needs ``cluster.key`` and,
for sources in buckets, credentials, both from its own environment. From its first part
on the kernel keeps its memory out of dumps, as that of all who have such data there.
"""

from collections.abc import Callable, Mapping
from functools import cache, lru_cache

from unlearn_core.adapters.connectors import CONNECTORS
from unlearn_core.adapters.connectors.file_sources import FilesConnector
from unlearn_core.adapters.connectors.parts import Engine
from unlearn_core.adapters.dask_engine import DaskEngine
from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.adapters.parcels import Parcels, spec_of, text_of
from unlearn_core.errors import InvalidDataMapError, UnexpectedError, UnlearnError
from unlearn_core.ports import SourceConnector
from unlearn_core.settings import Settings, load_settings
from unlearn_core.shielding import shield

MEGABYTE = 1_000_000


def search_part(sealed: bytes, number: str) -> tuple[str, bytes]:
    """Search one part of a source.

    Nothing is raised: Dask logs exceptions with what they say, and sends them on.

    Args:
        sealed: The job.
        number: Under which number it was sealed.

    Returns:
        The code of an error, empty if there is none, and what was found, sealed.
    """
    try:
        return "", _searched(sealed, number)
    except UnlearnError as error:
        return error.code, b""
    except Exception:  # noqa: BLE001 - its text may hold personal data
        return UnexpectedError.code, b""


def _searched(sealed: bytes, number: str) -> bytes:
    _shield_once()
    parcels = Parcels(KeyDirectory(load_settings().keys.directory).cluster_key())
    job = parcels.open_job(sealed, number=number)
    found = _opened(text_of(job.spec)).locate_part(job.part, job.subjects)
    return parcels.pack_found(found, number=number)


@cache
def _shield_once() -> None:
    shield()


@lru_cache(maxsize=16)
def _opened(said: str) -> FilesConnector:
    """Open a source, once: a client of a bucket takes longer to make than a part."""
    spec = spec_of(said)
    source = CONNECTORS.get(spec.kind)(spec)
    if not isinstance(source, FilesConnector):
        raise InvalidDataMapError(source=spec.name, unknown_kind=spec.kind)
    return source


def on_cluster(
    sources: Mapping[str, SourceConnector],
    settings: Settings,
    *,
    through: Callable[[Engine], Engine] | None = None,
) -> dict[str, SourceConnector]:
    """Return sources as the settings want them searched: here, or by a cluster.

    What is no source of files is searched here in any case.

    Args:
        sources: The sources by their names.
        settings: The settings.
        through: Makes an engine that asks the cluster, in place of the cluster's own.

    Raises:
        ExtraMissingError: A cluster is chosen, and Dask is not installed.
        KeyMissingError: A cluster is chosen, and its key is missing.
    """
    cluster = settings.cluster
    if cluster.scheduler is None:
        return dict(sources)
    engine: Engine = DaskEngine(
        cluster.scheduler,
        key=KeyDirectory(settings.keys.directory).cluster_key(),
        search=search_part,
        part_bytes=cluster.part_megabytes * MEGABYTE,
        patience_seconds=cluster.patience_seconds,
    )
    if through is not None:
        engine = through(engine)
    return {
        name: source.on(engine) if isinstance(source, FilesConnector) else source
        for name, source in sources.items()
    }
