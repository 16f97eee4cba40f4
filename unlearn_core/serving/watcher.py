"""Follows the signed serving pointer: fetch, check, load beside, swap.

Numbered steps of one look:

0. follow the list of restrictions (`restricting`), without which nothing is loaded;
1. read the pointer and check its signature; an unreachable registry changes nothing;
2. refuse a pointer that goes back behind the one already seen, also across restarts;
3. stop answering if this replica is cut off; raise the minimum, even if the version
   itself cannot be fetched yet;
4. if another version is wanted: fetch it into a content-addressed folder;
5. check the bundle completely and compare it with the pointer;
6. load it beside the running one, warm it up with the `probes`;
7. swap.

A pointer that withdraws its version ends at step 3, with every running answer.
Any refusal keeps the last good version and is reported by its code; what was refused is
fetched again after longer and longer waits. The base alone
may answer only after the registry said that nothing was ever published. Two pointers
survive a restart: the highest one seen, which sets the minimum, and the one that was
served, which is loaded again and is the least that may answer. If one of them cannot be
read any more, the base alone is forbidden all the same: an offset was required once.
"""

import json
import math
import random
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Generic

from unlearn_core.domain.pointers import POINTER_TYPE, ServingPointer
from unlearn_core.errors import (
    DigestMismatchError,
    DowngradeRefusedError,
    IntegrityError,
    ManifestInvalidError,
    UnexpectedError,
    UnlearnError,
)
from unlearn_core.modeling.bundles import OpenedBundle, open_bundle
from unlearn_core.observability import EventLog
from unlearn_core.ports import (
    ArtifactRegistry,
    EnvelopeOpener,
    ListSealer,
    PairSealer,
)
from unlearn_core.serving import restricting
from unlearn_core.serving.backoff import Backoff
from unlearn_core.serving.host import Host
from unlearn_core.serving.metrics import Meter
from unlearn_core.serving.slot import NO_OFFSET, Law, ServedVersion, Slot
from unlearn_core.serving.traces import Tracing

SEEN_POINTER = "seen-pointer.dsse.json"
SERVED_POINTER = "served-pointer.dsse.json"
BUNDLES = "bundles"
JITTER = 0.2
HINT_SPACING_SECONDS = 0.1
"""Shortest time between hints that are followed."""

AFTER_HINT_SECONDS = 1.0
"""Longest time until another look after one that was hinted at."""

_LOG = EventLog("watcher")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where versions of one base model come from and how they are checked."""

    base_model: str
    registry: ArtifactRegistry
    opener: EnvelopeOpener
    sealer: PairSealer
    lists: ListSealer


class Watcher(Generic[Law]):
    """Keeps the slot of one base model current.

    Args:
        slot: The slot to fill.
        replica: Name of this replica, by which a pointer may cut it off.
        host: The base model that is served, as its engine has it.
        sources: Its name, registry, trusted keys, artifact key.
        cache: Folder for fetched bundles and the highest pointer seen.
        poll_seconds: Time between looks.
        backoff: Says when a refused bundle is tried again.
        meter: Counts and times.
    """

    def __init__(
        self,
        slot: Slot[Law],
        *,
        replica: str,
        host: Host[Law],
        sources: Sources,
        cache: Path,
        poll_seconds: float,
        backoff: Backoff | None = None,
        meter: Meter | None = None,
    ) -> None:
        self._tracing = Tracing()
        self._meter = meter or Meter()
        self._slot = slot
        self._replica = replica
        self._host = host
        self._base_model = sources.base_model
        self._sources = sources
        self._cache = cache
        self._lists = restricting.ListReader(
            sources.base_model, opener=sources.opener, lists=sources.lists
        )
        self._poll_seconds = poll_seconds
        self._backoff = backoff or Backoff(first_seconds=poll_seconds)
        self._stopped = threading.Event()
        self._hinted = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self.last_error = ""

    def start(self) -> None:
        """Restore what was served before, look once, then keep looking."""
        self._cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.restore()
        self.look()
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        self._hinted.set()
        self._thread.join()

    def hint(self) -> None:
        """Look soon: somebody says that something has changed."""
        self._hinted.set()

    def restore(self) -> None:
        """Serve again what was served before a restart, after checking it anew."""
        self._attempt(self._restore_list)
        self._attempt(self._restore_served)
        self._attempt(self._restore_seen)

    def look(self) -> None:
        """Look at the registry once."""
        if self._attempt(self._look):
            self._meter.looked()

    def _restore_list(self) -> None:
        restricting.restore(self._slot, self._lists, cache=self._cache)

    def _restore_served(self) -> None:
        pointer = self._kept(SERVED_POINTER)
        if pointer is not None:
            self._slot.require(pointer.sequence)
            self._follow(pointer)

    def _restore_seen(self) -> None:
        pointer = self._kept(SEEN_POINTER)
        if pointer is not None:
            self._follow(pointer)

    def _look(self) -> None:
        # Step 0.
        restricting.look(
            self._slot,
            self._lists,
            registry=self._sources.registry,
            base_model=self._base_model,
            cache=self._cache,
        )
        # Step 1.
        envelope = self._sources.registry.pointer(self._base_model)
        seen = self._kept(SEEN_POINTER)
        if envelope is None:
            if seen is not None:
                raise DowngradeRefusedError(problem="the pointer has vanished")
            self._slot.permit_base()
            return
        pointer = self._open(envelope)
        # Step 2.
        pointer.check_follows(seen)
        _write(self._cache / SEEN_POINTER, envelope)
        self._follow(pointer)
        _write(self._cache / SERVED_POINTER, envelope)

    def _follow(self, pointer: ServingPointer) -> None:
        # Step 3.
        is_cut_off = self._replica in pointer.cut_off
        if is_cut_off != self._slot.is_cut_off:
            self._slot.cut_off(is_cut_off=is_cut_off)
            _LOG.warning("cut_off" if is_cut_off else "readmitted")
        self._slot.require_restrictions(pointer.restrictions)
        self._slot.require(pointer.minimum_sequence, expires_at=pointer.expires_at)
        if pointer.is_withdrawal:
            self._slot.recall()
            _LOG.warning("version_withdrawn", sequence=pointer.sequence)
            return
        if self._slot.current.manifest == pointer.manifest:
            return
        self._backoff.check(pointer.manifest)
        began = time.perf_counter()
        try:
            with self._tracing.span("load_version") as span:
                span.set(sequence=pointer.sequence)
                version = self._load(pointer)
        except IntegrityError as error:
            self._backoff.refused(pointer.manifest, error)
            raise
        # Step 7.
        self._slot.swap(version)
        self._meter.loaded(seconds=time.perf_counter() - began)
        _LOG.info("version_swapped", version=version.version, sequence=version.sequence)

    def _load(self, pointer: ServingPointer) -> ServedVersion[Law]:
        # Steps 4 and 5.
        bundle = self._fetch(pointer)
        # Step 6.
        return ServedVersion(
            law=self._host.prepare(bundle),
            sequence=bundle.manifest.sequence,
            version=pointer.version,
            manifest=bundle.manifest_digest,
        )

    def _fetch(self, pointer: ServingPointer) -> OpenedBundle:
        folder = self._cache / BUNDLES / pointer.manifest.removeprefix("sha256:")
        if folder.is_dir():
            try:
                return self._check(folder, pointer)
            except IntegrityError:
                # The cached copy was damaged: it is fetched again.
                shutil.rmtree(folder, ignore_errors=True)
        with TemporaryDirectory(dir=self._cache) as name:
            fresh = Path(name) / "bundle"
            fresh.mkdir()
            self._sources.registry.download(self._base_model, pointer.version, fresh)
            opened = self._check(fresh, pointer)
            folder.parent.mkdir(exist_ok=True)
            fresh.rename(folder)
            return opened

    def _check(self, folder: Path, pointer: ServingPointer) -> OpenedBundle:
        bundle = open_bundle(
            folder,
            base_model=self._base_model,
            identity=self._host.identity,
            vocabulary_size=self._host.vocabulary_size,
            opener=self._sources.opener,
            sealer=self._sources.sealer,
            device=self._host.device,
        )
        if bundle.manifest_digest != pointer.manifest:
            raise DigestMismatchError(part="manifest")
        if bundle.manifest.sequence != pointer.sequence:
            raise ManifestInvalidError(problem="sequence")
        bundle.manifest.check_not_older_than(self._slot.current.sequence)
        return bundle

    def _open(self, envelope: bytes) -> ServingPointer:
        payload = self._sources.opener.open(envelope, payload_type=POINTER_TYPE)
        try:
            raw = json.loads(payload)
        except ValueError:
            raise ManifestInvalidError(problem="pointer") from None
        pointer = ServingPointer.from_json(raw)
        if pointer.base_model != self._base_model:
            raise ManifestInvalidError(problem="pointer of another base model")
        return pointer

    def _kept(self, name: str) -> ServingPointer | None:
        """Return a pointer that was kept; its mere existence forbids the bare base."""
        try:
            envelope = (self._cache / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError:
            self._slot.require(NO_OFFSET + 1)
            raise
        try:
            return self._open(envelope)
        except Exception:  # whatever it is that it cannot be read for
            self._slot.require(NO_OFFSET + 1)
            raise

    def _attempt(self, step: Callable[[], None]) -> bool:
        """Do something that may be refused, and tell whether it was done.

        If it was refused, what is served stays.
        """
        try:
            step()
        except UnlearnError as error:
            self.last_error = error.code
            self._meter.refused(error.code)
            _LOG.warning("version_refused", code=error.code)
        except Exception as error:  # noqa: BLE001 - the thread must survive
            self.last_error = UnexpectedError.code
            self._meter.refused(UnexpectedError.code)
            _LOG.error("look_failed", reason=type(error).__name__)
        else:
            self.last_error = ""
            return True
        return False

    def _run(self) -> None:
        pause_seconds = self._pause()
        while not self._stopped.is_set():
            is_hint = self._hinted.wait(pause_seconds)
            if self._stopped.wait(HINT_SPACING_SECONDS if is_hint else 0):
                return
            self._hinted.clear()
            self.look()
            # The registry tells of the alias, which is moved before the pointer.
            pause_seconds = min(
                self._pause(), AFTER_HINT_SECONDS if is_hint else math.inf
            )

    def _pause(self) -> float:
        return self._poll_seconds * (1 + JITTER * (2 * random.random() - 1))


def _write(path: Path, data: bytes) -> None:
    """Replace a small file as a whole."""
    beside = path.with_suffix(".new")
    beside.write_bytes(data)
    beside.replace(path)
