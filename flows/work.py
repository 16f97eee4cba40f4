"""Working under a lease: who works on a request, and the sign of life.

While a request is worked on, a thread renews its lease. If the process dies the lease
expires and somebody else may take over; if the process merely hung, its next side
effect is refused, because the other one has a larger token.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from flows.wiring import Station, open_station
from unlearn_core.domain.leases import Lease, base_resource
from unlearn_core.domain.requests import RequestId
from unlearn_core.errors import LeaseBusyError, UnlearnError
from unlearn_core.observability import EventLog
from unlearn_core.steps.resume_requests import WORK_STARTED
from unlearn_core.steps.workbench import Workbench

BASE_WAIT_SECONDS = 1800.0
RENEWALS_PER_LEASE = 4
CERTIFICATES = "certificates"
"""What is leased by whoever looks at certificates."""

T = TypeVar("T")

_LOG = EventLog("worker")
_BENCH: ContextVar[Workbench] = ContextVar("workbench")
_STATION: ContextVar[Station] = ContextVar("station")


@contextmanager
def working_on(request_id: UUID) -> Iterator[None]:
    """Hold the lease of a request and lay out the workbench.

    The attempt is in the ledger before the workbench is laid out, so that one that
    fails at a missing key or an invalid policy counts and is followed by another.

    Raises:
        LeaseBusyError: Another worker is at work on the request.
        UnlearnError: A policy, a data map or a key is missing or invalid.
    """
    with open_station() as station:
        lease = station.leases.acquire(
            str(request_id), holder=holder_name(), ttl=station.lease_time
        )
        with _renewing(station, lease):
            station.ledger.note(
                WORK_STARTED,
                {"holder": lease.holder},
                request_id=RequestId(request_id),
                lease=lease,
            )
            bench = station.bench(RequestId(request_id), lease)
            with _set(_STATION, station), _set(_BENCH, bench):
                yield


@contextmanager
def alone_on_base(request_id: UUID) -> Iterator[None]:
    """Hold the lease of the base model: versions follow one another.

    Raises:
        LeaseBusyError: Another request has not finished in time; the run is started
            again later.
    """
    del request_id
    station, bench = _STATION.get(), _BENCH.get()
    lease = _wait_for(station, base_resource(bench.terms.base_model))
    with _renewing(station, lease), _set(_BENCH, replace(bench, base_lease=lease)):
        yield


@contextmanager
def looking_at_certificates() -> Iterator[None]:
    """Hold the lease of re-verification and lay out one workbench for all requests.

    Raises:
        LeaseBusyError: Another worker looks at them.
        UnlearnError: A policy, a data map or a key is missing or invalid.
    """
    with open_station() as station:
        lease = station.leases.acquire(
            CERTIFICATES, holder=holder_name(), ttl=station.lease_time
        )
        with _renewing(station, lease):
            bench = station.bench_for_certificates(lease)
            with _set(_STATION, station), _set(_BENCH, bench):
                yield


def outlived_requests() -> tuple[RequestId, ...]:
    """Return the requests of which something was kept for long enough."""
    bench = _BENCH.get()
    return bench.certificates.outlived(bench.terms.base_model)


def due_requests() -> tuple[RequestId, ...]:
    """Return the requests whose certificates are to be looked at now."""
    bench = _BENCH.get()
    return bench.certificates.due(bench.terms.base_model)


def bench_of(request_id: UUID) -> Workbench:
    """Return the workbench that `working_on` laid out."""
    del request_id
    return _BENCH.get()


def rungs_of(request_id: UUID) -> range:
    """Return the rungs of the recipe ladder."""
    return range(len(bench_of(request_id).ladder))


def holder_name() -> str:
    """Return a name for this process."""
    return f"{socket.gethostname()}-{os.getpid()}"


def _wait_for(station: Station, resource: str) -> Lease:
    deadline = time.monotonic() + BASE_WAIT_SECONDS
    while True:
        try:
            return station.leases.acquire(
                resource, holder=holder_name(), ttl=station.lease_time
            )
        except LeaseBusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


@contextmanager
def _renewing(station: Station, lease: Lease) -> Iterator[None]:
    """Renew a lease in the background and give it back at the end."""
    finished = threading.Event()
    pause = station.lease_time / RENEWALS_PER_LEASE
    thread = threading.Thread(
        target=_renew, args=(station, lease, finished, pause), daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
        station.leases.release(lease)


def _renew(
    station: Station, lease: Lease, finished: threading.Event, pause: timedelta
) -> None:
    while not finished.wait(pause.total_seconds()):
        try:
            station.leases.renew(lease, ttl=station.lease_time)
        except UnlearnError as error:
            # The next side effect is refused; there is nothing to do here.
            _LOG.warning("lease_not_renewed", code=error.code, token=lease.token)


@contextmanager
def _set(variable: ContextVar[T], value: T) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)
