"""Export an audit bundle: a part of the ledger with everything that proves it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date

from unlearn_core import ports
from unlearn_core.domain.audit_bundle import (
    BUNDLE_TYPE,
    CERTIFICATES,
    DOCUMENT,
    LETTERS,
    REPORTS,
    AuditBundle,
    EarlierCheckpoint,
    ProvedEntry,
)
from unlearn_core.domain.canonical import canonical_json, digest_of
from unlearn_core.domain.certificates import (
    PAYLOAD_TYPE,
    certificate_name,
    check_certificate,
)
from unlearn_core.domain.checkpoints import LogForkedError, read_note
from unlearn_core.domain.ledger import LedgerEntry, announces_erasure, verify_chain
from unlearn_core.domain.merkle import Tree
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.transparency import LogLeaf, matched
from unlearn_core.errors import StorageError, UnknownRequestError
from unlearn_core.steps.publish_checkpoint import (
    CHECKPOINT_PUBLISHED,
    checkpoint_name,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportDesk:
    """What exporting needs."""

    ledger: ports.Ledger
    leaves: ports.LeafStore
    evidence: ports.EvidenceStore
    signer: ports.Signer
    envelopes: ports.EnvelopeOpener
    letters: ports.LetterWriter
    clock: ports.Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Days in UTC, both ends included."""

    first: date
    last: date

    def holds(self, entry: LedgerEntry) -> bool:
        """Tell whether an entry was written in it."""
        return self.first <= entry.recorded_at.astimezone(UTC).date() <= self.last


def export_bundle(
    wanted: RequestId | Period,
    *,
    desk: ExportDesk,
    brought: Iterable[bytes] = (),
) -> dict[str, bytes]:
    """Put together what proves one request, or everything in a period.

    Args:
        wanted: A request or a period.
        desk: The parts.
        brought: Checkpoints of the auditor's, which the bundle shall be tied to.

    Returns:
        The files of the bundle by name.

    Raises:
        LedgerBrokenError: An entry and its leaf do not match, or one was emptied and
            none announces it.
        LogForkedError: The log is shorter than a checkpoint that was brought.
        StorageError: No checkpoint was published yet, or none since the request was
            emptied.
        UnknownRequestError: Nothing is known of the request, or of the period.
    """
    pairs = tuple(matched(desk.ledger.entries(), desk.leaves.leaves()))
    verify_chain(entry for entry, _ in pairs)
    tree = Tree([leaf.hash for _, leaf in pairs])
    notes = _published(pairs, desk)
    size = max(notes, default=0)
    chosen = _chosen(pairs[:size], wanted)
    if size == 0:
        raise StorageError(missing="checkpoint")
    if not chosen:
        raise UnknownRequestError(request_id=_about(wanted)[0])
    request_id, period = _about(wanted)
    shown = [entry for entry, _ in chosen]
    _check_announced(shown, request_id)
    earlier = [notes[item] for item in _framing(notes, chosen)]
    files = _documents(shown, desk)
    bundle = AuditBundle(
        request_id=request_id,
        period=period,
        exported_at=desk.clock.now(),
        checkpoint=notes[size],
        earlier=tuple(_tied(note, tree, size) for note in (*earlier, *brought)),
        entries=tuple(_proved(*pair, tree, size) for pair in chosen),
        files={name: digest_of(data) for name, data in files.items()},
    )
    document = canonical_json(bundle.to_json())
    return {DOCUMENT: desk.signer.sign(document, payload_type=BUNDLE_TYPE), **files}


def _about(
    wanted: RequestId | Period,
) -> tuple[RequestId | None, tuple[str, str] | None]:
    """Return what stands in the document."""
    if isinstance(wanted, Period):
        return None, (wanted.first.isoformat(), wanted.last.isoformat())
    return wanted, None


def _check_announced(entries: list[LedgerEntry], request_id: RequestId | None) -> None:
    """Refuse an emptied request whose announcement is younger than the checkpoint.

    A period may hold entries of requests that were announced outside it.
    """
    is_emptied = any(entry.is_erased for entry in entries)
    if request_id and is_emptied and not any(map(announces_erasure, entries)):
        raise StorageError(missing="checkpoint")


def _proved(entry: LedgerEntry, leaf: LogLeaf, tree: Tree, size: int) -> ProvedEntry:
    inclusion = tree.inclusion(entry.sequence - 1, size)
    return ProvedEntry(
        entry=entry,
        salt=leaf.salt,
        inclusion=inclusion,
        commitment=leaf.commitment if entry.is_erased else b"",
    )


def _chosen(
    pairs: tuple[tuple[LedgerEntry, LogLeaf], ...], wanted: RequestId | Period
) -> tuple[tuple[LedgerEntry, LogLeaf], ...]:
    """Return the entries of a request, or of a period and those next to it."""
    if not isinstance(wanted, Period):
        return tuple(pair for pair in pairs if pair[0].request_id == wanted)
    inside = [at for at, (entry, _) in enumerate(pairs) if wanted.holds(entry)]
    if not inside:
        return ()
    # They show that nothing of the period stands before or behind what is shown.
    return pairs[max(inside[0] - 1, 0) : inside[-1] + 2]


def _published(
    pairs: tuple[tuple[LedgerEntry, LogLeaf], ...], desk: ExportDesk
) -> dict[int, bytes]:
    """Return the published checkpoints by size."""
    sizes = [
        int(str(entry.payload["size"]))
        for entry, _ in pairs
        if entry.event == CHECKPOINT_PUBLISHED
    ]
    stored = {size: desk.evidence.get(checkpoint_name(size)) for size in sizes}
    return {size: note for size, note in stored.items() if note is not None}


def _framing(
    notes: dict[int, bytes], chosen: tuple[tuple[LedgerEntry, LogLeaf], ...]
) -> list[int]:
    """Return the last checkpoint before the chosen entries, and the first after."""
    first, last = chosen[0][0].sequence, chosen[-1][0].sequence
    before = sorted(size for size in notes if size < first)
    after = min(size for size in notes if size >= last)
    return [*before[-1:], after]


def _tied(note: bytes, tree: Tree, size: int) -> EarlierCheckpoint:
    checkpoint, _ = read_note(note)
    if checkpoint.size > size:
        raise LogForkedError(problem="shorter", kept=checkpoint.size, found=size)
    return EarlierCheckpoint(
        note=note, consistency=tree.consistency(checkpoint.size, size)
    )


def _documents(entries: list[LedgerEntry], desk: ExportDesk) -> dict[str, bytes]:
    """Return certificates, reports and letters that the entries name."""
    files: dict[str, bytes] = {}
    for entry in entries:
        report = str(entry.payload.get("report") or "").removeprefix("sha256:")
        stored = desk.evidence.get(f"{REPORTS}{report}.json") if report else None
        if stored is not None:
            files[f"{REPORTS}{report}.json"] = stored
        if entry.is_erased or entry.request_id is None:
            continue
        if entry.event == Stage.CERTIFIED:
            files |= _certificate(entry.request_id, desk)
    return files


def _certificate(request_id: RequestId, desk: ExportDesk) -> dict[str, bytes]:
    envelope = desk.evidence.get(certificate_name(request_id))
    if envelope is None:
        raise StorageError(missing="certificate")
    certificate = check_certificate(
        envelope,
        open_envelope=lambda raw: desk.envelopes.open(raw, payload_type=PAYLOAD_TYPE),
    )
    files = {f"{CERTIFICATES}{request_id}.json": envelope}
    for language in desk.letters.languages:
        letter = desk.letters.write(certificate, language=language)
        files[f"{LETTERS}{request_id}.{language}.html"] = letter.html
        files[f"{LETTERS}{request_id}.{language}.pdf"] = letter.pdf
    return files
