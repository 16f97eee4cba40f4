"""An engine without machines: what a worker would do, done here, one by one."""

from collections.abc import Sequence

from unlearn_core.adapters.connectors.parts import Part
from unlearn_core.adapters.connectors.specification import SourceSpec
from unlearn_core.adapters.parcels import Job, Parcels
from unlearn_core.cluster_wiring import search_part
from unlearn_core.domain.sources import SearchResult
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import SourceUnreadableError


class SerialEngine:
    """Searches parts in this process, through sealed parcels.

    Args:
        key: The key of the cluster.
        part_bytes: Size at which a large file is divided.
    """

    def __init__(self, key: bytes, *, part_bytes: int) -> None:
        self.part_bytes = part_bytes
        self._parcels = Parcels(key)

    def search(
        self,
        spec: SourceSpec,
        parts: Sequence[Part],
        subjects: Sequence[DataSubject],
    ) -> list[tuple[SearchResult, ...]]:
        """Return what every part has, in their order: a result per subject."""
        found = []
        for number, part in enumerate(parts):
            job = Job(spec=spec, part=part, subjects=tuple(subjects))
            sealed = self._parcels.pack_job(job, number=str(number))
            code, answer = search_part(sealed, str(number))
            if code:
                raise SourceUnreadableError(source=spec.name, problem=code)
            found.append(self._parcels.open_found(answer, number=str(number)))
        return found
