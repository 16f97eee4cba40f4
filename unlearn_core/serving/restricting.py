"""Follows the signed list of restrictions, which stands beside the serving pointer.

Fetch, check the signature, refuse what goes back behind a list already seen, unseal,
build the guard. The last list is kept on disk, sealed as it came; names are in memory
only. If anything is wrong the last list stays, and once that has expired nothing is
answered any more.
"""

import json
from pathlib import Path

from unlearn_core.domain.restrictions import (
    LIST_TYPE,
    RestrictionList,
    read_people,
)
from unlearn_core.errors import (
    DowngradeRefusedError,
    ManifestInvalidError,
)
from unlearn_core.observability import EventLog
from unlearn_core.ports import ArtifactRegistry, EnvelopeOpener, ListSealer
from unlearn_core.serving.guard import Guard
from unlearn_core.serving.slot import Law, Slot

SEEN_LIST = "seen-restrictions.dsse.json"

_LOG = EventLog("restrictions")


class ListReader:
    """Opens lists of one base model.

    Args:
        base_model: Its name.
        opener: Trusted keys.
        lists: Unseals people.
    """

    def __init__(
        self, base_model: str, *, opener: EnvelopeOpener, lists: ListSealer
    ) -> None:
        self._base_model = base_model
        self._opener = opener
        self._lists = lists

    def open(self, envelope: bytes) -> RestrictionList:
        """Return a genuine list; its people stay sealed.

        Raises:
            SignatureInvalidError: It is not signed by a trusted key.
            ManifestInvalidError: It is malformed, or of another base model.
        """
        payload = self._opener.open(envelope, payload_type=LIST_TYPE)
        try:
            raw = json.loads(payload)
        except ValueError:
            raise ManifestInvalidError(problem="list of restrictions") from None
        listed = RestrictionList.from_json(raw)
        if listed.base_model != self._base_model:
            raise ManifestInvalidError(problem="list of another base model")
        return listed

    def guard(self, listed: RestrictionList) -> Guard | None:
        """Return what withholds answers; None if nobody is restricted.

        Raises:
            SealBrokenError: The people were sealed for somebody else.
            ManifestInvalidError: They are malformed.
        """
        people = read_people(
            self._lists.open(listed.people, base_model=self._base_model)
        )
        return Guard(people) if people else None


def restore(slot: Slot[Law], reader: ListReader, *, cache: Path) -> None:
    """Answer under the list of before a restart, after checking it anew.

    Raises:
        UnlearnError: It is not what it was; nothing is answered without another.
    """
    kept = _kept(slot, reader, cache)
    if kept is not None:
        _follow(kept, slot, reader)


def look(
    slot: Slot[Law],
    reader: ListReader,
    *,
    registry: ArtifactRegistry,
    base_model: str,
    cache: Path,
) -> None:
    """Follow what the registry has.

    Raises:
        UnlearnError: There is something else than what may follow; the last list
            stays.
    """
    envelope = registry.restrictions(base_model)
    kept = _kept(slot, reader, cache)
    if envelope is None:
        if kept is not None:
            raise DowngradeRefusedError(problem="the list of restrictions has vanished")
        return
    listed = reader.open(envelope)
    listed.check_follows(kept)
    # Kept first: what is said to be in force has to be so after a restart.
    beside = cache / f"{SEEN_LIST}.new"
    beside.write_bytes(envelope)
    beside.replace(cache / SEEN_LIST)
    _follow(listed, slot, reader)


def _follow(listed: RestrictionList, slot: Slot[Law], reader: ListReader) -> None:
    # Required before it can be read: a replica without the key answers nothing.
    slot.require_restrictions(listed.version)
    guard = slot.current.guard
    if slot.current.restrictions != listed.version:
        guard = reader.guard(listed)
        _LOG.info("restrictions_followed", version=str(listed.version))
    slot.restrict(listed.version, guard=guard, expires_at=listed.expires_at)


def _kept(slot: Slot[Law], reader: ListReader, cache: Path) -> RestrictionList | None:
    """Return the list that was kept; one that cannot be read forbids all answers."""
    try:
        return reader.open((cache / SEEN_LIST).read_bytes())
    except FileNotFoundError:
        return None
    except Exception:
        slot.require_restrictions(slot.current.restrictions + 1)
        raise
