"""Reads back what was located, and compares it with what the ledger committed to.

The seal alone lets another list pass that was sealed for the same request, such as the
one of a search before a hold, or before the decisions of a review.
"""

from collections.abc import Iterable

from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.sources import SourceRecord, records_from_bytes
from unlearn_core.errors import SealBrokenError
from unlearn_core.steps import scopes
from unlearn_core.steps.journal import read_result
from unlearn_core.steps.results import Located
from unlearn_core.steps.workbench import Workbench


def read_located(
    request_id: RequestId, *, bench: Workbench
) -> tuple[SourceRecord, ...]:
    """Return the records that the ledger says were located.

    Raises:
        SealBrokenError: Another list is kept.
    """
    said = read_result(bench, request_id, Stage.LOCATED, result=Located)
    scope = scopes.working(request_id)
    listed = bench.custody.get(scope, scopes.LOCATED)
    if bench.custody.commit(scope, listed) != said.commitment:
        raise SealBrokenError(name=scopes.LOCATED)
    return records_from_bytes(listed)


def by_source(records: Iterable[SourceRecord]) -> dict[str, list[SourceRecord]]:
    """Return records by the source that has them."""
    found: dict[str, list[SourceRecord]] = {}
    for record in records:
        found.setdefault(record.source, []).append(record)
    return found
