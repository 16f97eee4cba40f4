"""Screen: does a restored backup or a new corpus bring an erased person back?

The suppression list is what the requests keep anyway: keyed commitments to the
identifiers of everybody whose records were erased. Nothing else of them is left.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from unlearn_core import ports
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.sources import SearchResult
from unlearn_core.domain.subjects import IdentifierKind
from unlearn_core.errors import PolicyError, SourceUnreadableError

CORPUS_SCREENED = "corpus_screened"


class ErasedPersonFoundError(PolicyError):
    """A corpus has records of people who were erased."""

    code = "erased_person_found"
    summary = "the corpus has records of erased people, or could not be read completely"
    next_step = (
        "Remove the records with `unlearn corpus screen --remove`, or at their origin, "
        "before anything is trained on the corpus."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """What a screening has found.

    Attributes:
        records: Record to the requests of the erased people that it concerns.
        named: The same of records that have nothing of an erased person but the name,
            where a name does not decide: found, and for a person to remove.
        uncertain: Record to the requests of erased people that it may concern.
        searched: Records that were read.
        unreadable: Records that could not be read.
        why: Record to the reasons, kind and column of what matched.
    """

    records: Mapping[str, tuple[RequestId, ...]]
    named: Mapping[str, tuple[RequestId, ...]]
    uncertain: Mapping[str, tuple[RequestId, ...]]
    searched: int
    unreadable: int
    why: Mapping[str, tuple[str, ...]]

    @property
    def is_clean(self) -> bool:
        """Tell whether everything was read and nobody was found."""
        return not (self.records or self.named or self.unreadable)


def suppressed(
    requests: ports.RequestStore, ledger: ports.Ledger
) -> dict[RequestId, tuple[str, ...]]:
    """Return the commitments of everybody whose records were erased.

    A request whose commitments have outlived their time has none to give.
    """
    erased = {entry.request_id for entry in ledger.entries(event=Stage.SOURCES_ERASED)}
    return {
        request.request_id: request.commitments
        for request in requests.all()
        if request.request_id in erased and request.commitments
    }


def summarise(
    results: Collection[SearchResult],
    people: Collection[RequestId],
    *,
    reviews_names: bool,
) -> Screening:
    """Put the results of one pass together, a result per request.

    Args:
        results: What was found of each.
        people: Their requests.
        reviews_names: Whether a name alone is for a person to decide about.
    """
    records: dict[str, tuple[RequestId, ...]] = {}
    named: dict[str, tuple[RequestId, ...]] = {}
    uncertain: dict[str, tuple[RequestId, ...]] = {}
    why: dict[str, tuple[str, ...]] = {}
    for request_id, result in zip(people, results, strict=True):
        alone = _by_name(result) if reviews_names else frozenset()
        for kept, found in (
            (records, [one for one in result.records if one.record_id not in alone]),
            (named, [one for one in result.records if one.record_id in alone]),
            (uncertain, result.doubtful),
        ):
            for record in found:
                name = record.record_id
                kept[name] = (*kept.get(name, ()), request_id)
                why[name] = tuple(sorted({*why.get(name, ()), *record.why}))
    first = next(iter(results), None)
    return Screening(
        records=records,
        named=named,
        uncertain=uncertain,
        searched=first.searched if first else 0,
        unreadable=first.unreadable if first else 0,
        why=why,
    )


def _by_name(result: SearchResult) -> frozenset[str]:
    """Return the records, by identifier, that have nothing but the name."""
    return frozenset(
        record.record_id
        for record in result.records
        if set(record.matched) == {IdentifierKind.NAME}
    )


def remove(
    screening: Screening, source: ports.SourceConnector, *, ledger: ports.Ledger
) -> int:
    """Remove what was found for certain; announced in the ledger, and read back.

    Returns:
        How many records were removed.

    Raises:
        SourceUnreadableError: The source may not be changed, or records are left.
    """
    described = source.describe()
    if not screening.records:
        return 0
    if not described.is_erasable:
        raise SourceUnreadableError(source=described.name, problem="not erasable")
    ledger.note(
        CORPUS_SCREENED,
        {"source": described.name, "records": len(screening.records)},
    )
    removed = source.erase(tuple(screening.records), dry_run=False)
    if not source.confirm_absent(tuple(screening.records)):
        raise SourceUnreadableError(
            source=described.name, problem="records are still there"
        )
    return removed
