"""A worker's station over the controller of the step tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from support.steps import Controller

from unlearn_core.adapters.memory.records import MemoryLeaseStore, MemoryRequestStore
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.requests import RequestId
from unlearn_core.steps.workbench import Workbench


@dataclass(slots=True, kw_only=True)
class MemoryStation:
    """What `flows.work` needs of a station.

    Attributes:
        accepts: Whether the policy accepts every pair, or none.
        problem: Raised when the workbench is laid out.
        closed: How often the station was closed.
    """

    controller: Controller
    lease_time: timedelta = timedelta(seconds=30)
    accepts: bool = True
    problem: Exception | None = None
    closed: int = 0
    benches: list[Workbench] = field(default_factory=list)

    @property
    def leases(self) -> MemoryLeaseStore:
        """Return the leases."""
        return self.controller.leases

    @property
    def ledger(self) -> MemoryRequestStore:
        """Return the ledger."""
        return self.controller.store

    def bench(self, request_id: RequestId, lease: Lease) -> Workbench:
        """Lay out the workbench."""
        if self.problem is not None:
            raise self.problem
        bench = self.controller.bench(request_id, accepts=self.accepts, lease=lease)
        self.benches.append(bench)
        return bench

    def bench_for_certificates(self, lease: Lease) -> Workbench:
        """Lay out the workbench for all certificates."""
        bench = self.controller.certificate_bench(lease=lease)
        self.benches.append(bench)
        return bench

    @contextmanager
    def opened(self) -> Iterator["MemoryStation"]:
        """Open and close it."""
        try:
            yield self
        finally:
            self.closed += 1
