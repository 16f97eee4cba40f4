"""Erase at the source: try, announce, erase or redact, read back."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from unlearn_core.domain.canonical import JsonValue, canonical_json
from unlearn_core.domain.cooling import check_cooled_off
from unlearn_core.domain.decisions import ERASURE_ANNOUNCED
from unlearn_core.domain.exemptions import Kept
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.sources import SourceDescription, SourceRecord
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import SourceChangedError, SourceUnreadableError
from unlearn_core.ports import KeepsHolds, Redacts, SourceConnector, TellsApart
from unlearn_core.steps import scopes
from unlearn_core.steps.journal import recorded
from unlearn_core.steps.located import by_source, read_located
from unlearn_core.steps.results import SourcesErased
from unlearn_core.steps.subject import read_subject
from unlearn_core.steps.workbench import Workbench


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to become of the located records of one source.

    Attributes:
        name: Name of the source.
        source: The source.
        records: What was located there.
        subject: Whom the records concern.
        deleted: Identifiers of records that go.
        redacted: Identifiers of records that lose what identifies the subject.
    """

    name: str
    source: SourceConnector
    records: Sequence[SourceRecord]
    subject: DataSubject
    deleted: frozenset[str]
    redacted: frozenset[str]

    def count(self, record_ids: frozenset[str]) -> int:
        """Return how many records were located under these identifiers."""
        return sum(item.record_id in record_ids for item in self.records)

    def delete(self, *, dry_run: bool) -> int:
        """Delete, or say how many records that would be."""
        return self.source.erase(self.deleted, dry_run=dry_run)

    def redact(self, *, dry_run: bool) -> int:
        """Redact, or say how many records that would be."""
        if not self.redacted:
            return 0
        return self._redacting().redact(self.redacted, self.subject, dry_run=dry_run)

    def is_confirmed(self) -> bool:
        """Read back and tell whether nothing of the subject is left."""
        is_gone = self.source.confirm_absent(self.deleted)
        return is_gone and (
            not self.redacted
            or self._redacting().confirm_redacted(self.redacted, self.subject)
        )

    def _redacting(self) -> Redacts:
        if not isinstance(self.source, Redacts):
            raise SourceUnreadableError(source=self.name, problem="cannot redact")
        return self.source


@recorded(Stage.SOURCES_ERASED, result=SourcesErased)
def erase_source_records(request_id: RequestId, *, bench: Workbench) -> SourcesErased:
    """Erase the located records in every source that allows it.

    A source whose data map says so loses only what identifies the subject in a record.
    Each source is tried first, without a change, and what is done is compared with it.
    The intention is in the ledger before anything is destroyed, and the count that is
    recorded as erased is the count that was located and read back as absent. A record
    on hold stays, whether the search, a person or the source itself says so. So does
    one whose identifier another record has that was not located.

    Raises:
        SourceChangedError: A source did something else than its trial had said.
        IllegalTransitionError: The request can still be cancelled.
        SealBrokenError: What is kept as located is not what was located.
        SourceUnreadableError: A source cannot be written, or records are still there
            afterwards.
    """
    check_cooled_off(bench.ledger.entries(request_id), now=bench.clock.now())
    subject = read_subject(request_id, bench=bench)
    erased: dict[str, int] = {}
    redacted: dict[str, int] = {}
    gone: dict[str, list[str]] = {}
    held: dict[str, int] = {}
    kept: list[str] = []
    staying: dict[str, dict[str, int]] = {}
    located = by_source(read_located(request_id, bench=bench))
    for name, records in located.items():
        source = bench.sources[name]
        described = source.describe()
        if not described.is_erasable:
            kept.append(name)
            staying[name] = {kept_because(described).value: len(records)}
            continue
        plan = plan_for(source, records, subject)
        _carry_out(plan, request_id, bench=bench)
        on_hold = withheld(plan)
        gone[name] = sorted((plan.deleted | plan.redacted) - on_hold)
        erased[name] = plan.count(plan.deleted - on_hold)
        if plan.redacted:
            redacted[name] = plan.count(plan.redacted - on_hold)
        if left := len(records) - erased[name] - redacted.get(name, 0):
            held[name] = left
            staying[name] = staying_for(plan, on_hold=on_hold)
    bench.custody.put(scopes.working(request_id), scopes.ERASED, canonical_json(gone))
    return SourcesErased(
        erased=erased, kept=kept, held=held, redacted=redacted, staying=staying
    )


def kept_because(source: SourceDescription) -> Kept:
    """Return why all records of a source that may not be erased stay."""
    return source.exemption or Kept.NOT_ERASABLE


def plan_for(
    source: SourceConnector, records: Sequence[SourceRecord], subject: DataSubject
) -> Plan:
    """Return what is to become of records; what is held, or shared, stays.

    Who has the identifier of a record that only an earlier version has was not found.
    An identifier that stands for several located records is redacted only if all of
    them may be.
    """
    wanted = {item.record_id for item in records}
    wanted -= {item.record_id for item in records if item.is_held}
    if isinstance(source, TellsApart):
        found = Counter(dict.fromkeys(wanted, 0))
        found.update(
            item.record_id
            for item in records
            if item.record_id in wanted and not item.is_former
        )
        wanted -= source.shared(found)
    whole = {item.record_id for item in records if not item.is_redacted}
    return Plan(
        name=source.describe().name,
        source=source,
        records=records,
        subject=subject,
        deleted=frozenset(wanted & whole),
        redacted=frozenset(wanted - whole),
    )


def staying_for(plan: Plan, *, on_hold: frozenset[str] = frozenset()) -> dict[str, int]:
    """Return how many located records stay, by the code of why.

    Args:
        plan: What is to become of the records.
        on_hold: Identifiers that the source has put on hold since the search.
    """
    why = dict.fromkeys(on_hold, Kept.LEGAL_HOLD)
    for record in plan.records:
        if record.is_held and record.record_id not in why:
            why[record.record_id] = record.exemption or Kept.LEGAL_HOLD
    going = (plan.deleted | plan.redacted) - on_hold
    return dict(
        Counter(
            why.get(record.record_id, Kept.SHARED_IDENTIFIER).value
            for record in plan.records
            if record.record_id not in going
        )
    )


def withheld(plan: Plan) -> frozenset[str]:
    """Return identifiers that the source itself has put on hold."""
    if not isinstance(plan.source, KeepsHolds):
        return frozenset()
    return plan.source.held(plan.deleted | plan.redacted)


def _carry_out(plan: Plan, request_id: RequestId, *, bench: Workbench) -> None:
    """Try, announce, do, compare and read back."""
    actions = (plan.delete, plan.redact)
    tried = [action(dry_run=True) for action in actions]
    if tried[0] > plan.count(plan.deleted) or tried[1] > plan.count(plan.redacted):
        raise SourceChangedError(source=plan.name)
    payload: dict[str, JsonValue] = {"source": plan.name, "records": len(plan.deleted)}
    if plan.redacted:
        payload["redacted"] = len(plan.redacted)
    bench.ledger.note(
        ERASURE_ANNOUNCED, payload, request_id=request_id, lease=bench.lease
    )
    if [action(dry_run=False) for action in actions] != tried:
        raise SourceChangedError(source=plan.name)
    if not plan.is_confirmed():
        raise SourceUnreadableError(source=plan.name, problem="records are still there")
