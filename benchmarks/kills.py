"""Kills an erasure again and again: ``make bench-kills``.

A request has located a person's records in files, a database and a versioned bucket.
A process erases them, with the real step, ledger, custody and connectors, and is killed
by SIGKILL at a random moment of a thing drawn at random: the trial, the announcement in
the ledger, the erasure, the redaction or the read-back of a source, the start or the
record of the end. Another one goes on, and so forth; the one after five kills is let
finish. Then everything is read without the connectors and compared:

- left: records of the subject, or bytes of one, in any file or version of an object,
  those included that are redacted and stay;
- lost, changed: records of others;
- leftovers: unfinished files and uploads;
- ledgers_broken: ledgers that do not verify, or do not say exactly what was erased.

Each trial is kept, so an interrupted run continues. It ends with one JSON line; any
fault makes it fail. The bucket is on a server of moto's inside this process.
"""

import argparse
import json
import logging
import os
import random
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import IO

from moto.server import ThreadedMotoServer
from rich.console import Console
from rich.progress import Progress

from benchmarks.intake_parts import (
    NobodyStarts,
    environ,
    environment,
    settings_of,
)
from benchmarks.keeping import kept
from benchmarks.kills_moments import Doing, draw_moments, kill_at, telling, timed
from benchmarks.kills_sources import (
    RECORDS_OF_SUBJECT,
    SUBJECT,
    Damage,
    Places,
    create_bucket,
    fill_bucket,
    look,
    open_client,
    write_files,
)
from flows.wiring import Station
from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.database.lease_store import DatabaseLeaseStore
from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.domain.ledger import LedgerEntry, verify_chain
from unlearn_core.domain.requests import Channel, RequestId, Stage
from unlearn_core.domain.subjects import parse_subject
from unlearn_core.errors import DependencyError, IntegrityError
from unlearn_core.steps.acknowledge_request import acknowledge_request
from unlearn_core.steps.erase_source_records import erase_source_records
from unlearn_core.steps.locate_personal_data import locate_personal_data
from unlearn_core.steps.receive_request import Submission, receive_request
from unlearn_core.steps.verify_identity import verify_identity
from unlearn_core.steps.workbench import Workbench
from unlearn_core.wiring import open_office

KILLS, KILLS_PER_TRIAL = 200, 5
LEASE_TIME = timedelta(minutes=10)
TRIED_AGAIN = 3
"""Exit status of a process that met an error which the flow tries again."""

ERASED = {
    "lines": 2 * RECORDS_OF_SUBJECT,
    "table": RECORDS_OF_SUBJECT,
    "rows": RECORDS_OF_SUBJECT,
    "objects": 3 * RECORDS_OF_SUBJECT,
    "notes": 0,
    "slips": 0,
    "letters": 0,
}
REDACTED = dict.fromkeys(("notes", "slips", "letters"), RECORDS_OF_SUBJECT)
_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One erasure that was killed some times, and what it left.

    Attributes:
        kills: How often it was killed.
        during: What the process had told last that it was doing, at each kill.
        retried: Processes that met an error which the flow tries again.
        damage: What is wrong.
        is_ledger_whole: Whether the ledger verifies and says what was erased.
    """

    kills: int
    during: list[Doing] = field(default_factory=list)
    retried: int = 0
    damage: Damage
    is_ledger_whole: bool


@dataclass(frozen=True, slots=True)
class Later:
    """A clock that is ahead, so that the lease of a dead process has run out."""

    ahead: timedelta

    def now(self) -> datetime:
        """Return the moment in UTC."""
        return datetime.now(UTC) + self.ahead


class Preparation:
    """A prepared request, copied anew for every trial.

    Args:
        folder: Where everything is.
        endpoint: Address of the server of the bucket.
    """

    def __init__(self, folder: Path, endpoint: str) -> None:
        self._prepared, self._work = folder / "prepared", folder / "work"
        database = f"sqlite:///{self._work / 'unlearn.db'}"
        self._variables = environment(self._work, database=database, port=0) | {
            **_CREDENTIALS,
            "AWS_ENDPOINT_URL_S3": endpoint,
        }
        os.environ.update(self._variables)
        self.places = Places(folder=self._work, client=open_client(endpoint))
        create_bucket(self.places.client)
        self.request_id = self._prepare()
        self._time()
        self.seconds = self._time()

    def reset(self) -> None:
        """Make everything as it was before the erasure."""
        shutil.rmtree(self._work, ignore_errors=True)
        shutil.copytree(self._prepared, self._work)
        fill_bucket(self.places)

    @contextmanager
    def started(self, attempt: int) -> Iterator[tuple[int, IO[str]]]:
        """Start a process that erases; yield its id and a pipe that tells of it."""
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            status = 1
            try:
                status = self._erase(attempt, writer)
            finally:
                os._exit(status)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            yield pid, pipe

    def entries(self) -> list[LedgerEntry]:
        """Return the ledger."""
        office = open_office(settings_of(self._variables))
        try:
            return list(office.store.entries())
        finally:
            office.database.close()

    def _erase(self, attempt: int, writer: int) -> int:
        bench = telling(self._bench(attempt), writer)
        try:
            erase_source_records(self.request_id, bench=bench)
        except DependencyError:
            return TRIED_AGAIN
        return 0

    def _bench(self, attempt: int) -> Workbench:
        office = open_office(settings_of(self._variables))
        clock = Later(attempt * 2 * LEASE_TIME)
        leases = DatabaseLeaseStore(office.database, clock=clock)
        station = Station(office=replace(office, leases=leases))
        lease = leases.acquire(
            str(self.request_id), holder=f"worker-{attempt}", ttl=LEASE_TIME
        )
        return station.bench_for_certificates(lease)

    def _prepare(self) -> RequestId:
        """Bring a request to the point where its records are located."""
        for folder in (self._prepared, self._work):
            shutil.rmtree(folder, ignore_errors=True)
        self._work.mkdir(parents=True)
        write_files(self.places)
        fill_bucket(self.places)
        settings = settings_of(self._variables)
        KeyDirectory(settings.keys.directory).create()
        database = Database(settings.database_url.get_secret_value())
        database.upgrade()
        database.close()
        office = open_office(settings)
        submission = Submission(
            subject=parse_subject(SUBJECT),
            evidence=None,
            contact=None,
            channel=Channel.CLI,
        )
        desk = replace(office.desk(), trigger=NobodyStarts())
        self.request_id = receive_request(submission, desk=desk).request_id
        office.database.close()
        bench = self._bench(0)
        for step in (acknowledge_request, verify_identity, locate_personal_data):
            step(self.request_id, bench=bench)
        bench.leases.release(bench.lease)
        shutil.copytree(self._work, self._prepared)
        return self.request_id

    def _time(self) -> dict[Doing, float]:
        """Return how long each thing takes in an erasure that nobody kills."""
        self.reset()
        with self.started(1) as (pid, pipe):
            seconds = timed(pipe)
            if os.waitpid(pid, 0)[1]:
                message = "an erasure failed that nobody killed"
                raise RuntimeError(message)
        return seconds


def run_trial(stage: Preparation, *, seed: int) -> Trial:
    """Erase, die, go on, and look at what is left."""
    moments = draw_moments(random.Random(seed), stage.seconds, count=KILLS_PER_TRIAL)
    stage.reset()
    during: list[Doing] = []
    retried = 0
    for attempt in range(1, 100):
        with stage.started(attempt) as (pid, pipe):
            told = kill_at(moments[0], pid, pipe) if moments else None
            status = os.waitpid(pid, 0)[1]
            moments = moments[1:]
            if told and os.WIFSIGNALED(status):
                during.append(next(map(Doing.parse, reversed(pipe.readlines())), told))
            elif os.waitstatus_to_exitcode(status) == TRIED_AGAIN:
                retried += 1
            else:
                break
    return Trial(
        kills=len(during),
        during=during,
        retried=retried,
        damage=look(stage.places),
        is_ledger_whole=is_whole(stage.entries()),
    )


def is_whole(entries: list[LedgerEntry]) -> bool:
    """Tell whether a ledger verifies and says once, and truly, what was erased."""
    try:
        verify_chain(entries)
    except IntegrityError:
        return False
    said = [entry.payload for entry in entries if entry.event == Stage.SOURCES_ERASED]
    told = [(payload.get("erased"), payload.get("redacted")) for payload in said]
    return told == [(ERASED, REDACTED)]


def summary(trials: Iterable[Trial]) -> dict[str, object]:
    """Return the sums over all trials."""
    trials = list(trials)
    during = [doing for trial in trials for doing in trial.during]
    return {
        "kills": sum(trial.kills for trial in trials),
        "trials": len(trials),
        "left": sum(trial.damage.left for trial in trials),
        "lost": sum(trial.damage.lost for trial in trials),
        "changed": sum(trial.damage.changed for trial in trials),
        "leftovers": sum(trial.damage.leftovers for trial in trials),
        "ledgers_broken": sum(not trial.is_ledger_whole for trial in trials),
        "retried": sum(trial.retried for trial in trials),
        "during": dict(Counter(doing.what for doing in during)),
        "at": dict(Counter(doing.source or "none" for doing in during)),
    }


def has_fault(told: Mapping[str, object]) -> bool:
    """Tell whether anything went wrong."""
    names = ("left", "lost", "changed", "leftovers", "ledgers_broken")
    return any(told[name] for name in names)


def run(folder: Path, *, kills: int, seed: int) -> dict[str, object]:
    """Kill as often as asked for; trials that were kept count."""
    console = Console(stderr=True)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    folder = folder.resolve()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    trials: list[Trial] = []
    try:
        host, port = server.get_host_and_port()
        with environ(_CREDENTIALS), Progress(console=console) as progress:
            stage = Preparation(folder, f"http://{host}:{port}")
            task = progress.add_task("kills", total=kills)
            while (done := sum(trial.kills for trial in trials)) < kills:
                number = seed + len(trials)
                path = folder / "trials" / f"{number}.json"
                trials.append(
                    kept(path, partial(run_trial, stage, seed=number), kind=Trial)
                )
                progress.update(task, completed=done + trials[-1].kills)
    finally:
        server.stop()
    return summary(trials) | {"seconds_unbroken": round(sum(stage.seconds.values()), 2)}


def main() -> None:
    """Read the options, run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("var/bench/kills"))
    options = parser.parse_args()
    told = run(options.folder, kills=options.kills, seed=options.seed)
    print(json.dumps(told))
    if has_fault(told):
        sys.exit(1)


if __name__ == "__main__":
    main()
