"""What an erasure would touch, for whoever has to approve it: counts, and no texts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unlearn_core import ports
from unlearn_core.domain.requests import RequestId
from unlearn_core.domain.sources import SourceRecord, records_from_pieces
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.ports import SourceConnector
from unlearn_core.steps import scopes
from unlearn_core.steps.erase_source_records import (
    kept_because,
    plan_for,
    staying_for,
    withheld,
)
from unlearn_core.steps.located import by_source
from unlearn_core.steps.subject import read_subject


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewDesk:
    """What a preview needs.

    Attributes:
        custody: Holds what was located.
        sources: The training sources by name.
    """

    custody: ports.Custody
    sources: Mapping[str, SourceConnector]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would become of one source's located records, by today's state.

    Attributes:
        source: Name of the source.
        found: Located records.
        deleted: How many would go.
        redacted: How many would lose what identifies the subject.
        staying: How many would stay, by the code of why.
        matched: How many matched by each kind of identifier.
        base_models: Base models that were trained on the source; empty for all.
    """

    source: str
    found: int
    deleted: int
    redacted: int
    staying: Mapping[str, int]
    matched: Mapping[str, int]
    base_models: tuple[str, ...]


def preview_erasure(request_id: RequestId, *, desk: PreviewDesk) -> tuple[Preview, ...]:
    """Say what an erasure would do now; nothing is changed.

    That the sealed records were read is in the ledger.

    Raises:
        KeyDestroyedError: The working data was purged.
        SourceUnreadableError: A source cannot be read.
        StorageError: Nothing was located yet.
    """
    sealed = desk.custody.read(scopes.working(request_id), scopes.LOCATED)
    located = by_source(records_from_pieces(sealed))
    subject = read_subject(request_id, bench=desk)
    return tuple(
        _preview(name, source, located.get(name, ()), subject)
        for name, source in desk.sources.items()
    )


def _preview(
    name: str,
    source: SourceConnector,
    records: Sequence[SourceRecord],
    subject: DataSubject,
) -> Preview:
    described = source.describe()
    deleted = redacted = 0
    staying: Mapping[str, int] = {}
    if records and described.is_erasable:
        plan = plan_for(source, records, subject)
        on_hold = withheld(plan)
        deleted = plan.count(plan.deleted - on_hold)
        redacted = plan.count(plan.redacted - on_hold)
        staying = staying_for(plan, on_hold=on_hold)
    elif records:
        staying = {kept_because(described).value: len(records)}
    return Preview(
        source=name,
        found=len(records),
        deleted=deleted,
        redacted=redacted,
        staying=staying,
        matched=Counter(kind.value for record in records for kind in record.matched),
        base_models=described.base_models,
    )
