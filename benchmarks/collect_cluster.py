"""The cluster row of `benchmarks.collect`: two workers on this machine.

Whatever they need is imported before. Processor time is that of the workers and of
whoever asks them; memory is that of the largest of them.
"""

import os
import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.collect_quality import corpus_spec
from unlearn_core.adapters.connectors.jsonl import JsonLinesConnector
from unlearn_core.adapters.dask_engine import DaskEngine
from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.cluster_wiring import search_part
from unlearn_core.domain.subjects import DataSubject

WORKERS = 2
PART_BYTES = 64_000_000
PATIENCE_SECONDS = 600.0
MEGABYTE = 1_000_000


def search_on_cluster(
    folder: Path, subjects: Sequence[DataSubject]
) -> dict[str, float]:
    """Search a folder of JSON lines on a cluster and tell what that took."""
    # An extra, which the other rows do without.
    from distributed import Client, LocalCluster  # noqa: PLC0415 - see above

    with (
        _keys() as keys,
        LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        engine = DaskEngine(
            cluster.scheduler_address,
            key=keys.cluster_key(),
            search=search_part,
            part_bytes=PART_BYTES,
            patience_seconds=PATIENCE_SECONDS,
        )
        before = [taken(), *client.run(taken).values()]
        began = time.perf_counter()
        source = JsonLinesConnector(corpus_spec(folder)).on(engine)
        results = source.locate_each(subjects)
        seconds = time.perf_counter() - began
        after = [taken(), *client.run(taken).values()]
    spent = sum(spent for spent, _ in after) - sum(spent for spent, _ in before)
    return {
        "processor": spent,
        "seconds": seconds,
        "peak_mb": max(peak for _, peak in after),
        "found": sum(len(item.records) + len(item.doubtful) for item in results),
    }


def taken() -> tuple[float, float]:
    """Return the processor time and the largest memory of a process, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE
    return time.process_time(), peak


@contextmanager
def _keys() -> Iterator[KeyDirectory]:
    """Make keys of a cluster that will not be needed again."""
    with TemporaryDirectory() as folder:
        keys = KeyDirectory(Path(folder) / "keys")
        keys.create()
        # The workers find them as they would anywhere.
        os.environ["UNLEARN_KEYS__DIRECTORY"] = str(keys.folder)
        yield keys
