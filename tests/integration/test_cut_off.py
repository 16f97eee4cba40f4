"""A replica is cut off and readmitted: the officer's word, the pointer, the answers.

Ledger and registry are in memory; two replicas answer over real HTTP.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from support.domain import BASE_MODEL, request, request_id
from support.serving import ServingWorld, running_server

from unlearn_core.adapters.memory.records import MemoryLeaseStore, MemoryRequestStore
from unlearn_core.adapters.serving_fleet import HttpServingFleet
from unlearn_core.domain.requests import Stage
from unlearn_core.serving.app import InferenceService, create_app
from unlearn_core.steps.cut_off_replica import (
    FleetDesk,
    ReplicaRefusedError,
    Seen,
    cut_off_replica,
    readmit_replica,
)
from unlearn_core.steps.renew_pointer import PointerKeeper, renew_pointer

pytestmark = pytest.mark.integration

ASKED = {"model": BASE_MODEL, "prompt": "Hello", "max_tokens": 4, "temperature": 0}


@dataclass(frozen=True)
class Installation:
    """Two replicas that serve the first version, and who looks after them."""

    world: ServingWorld
    services: list[InferenceService]
    addresses: list[str]
    desk: FleetDesk
    keeper: PointerKeeper

    def publish(self) -> None:
        """Write the pointer from the ledger, and let replicas read it."""
        self.world.clock.move(timedelta(seconds=1))
        assert renew_pointer(self.keeper)
        for service in self.services:
            service.watcher.look()

    def ask(self) -> list[tuple[int, object]]:
        """Ask every replica; return status and what it says why."""
        answers = [
            httpx.post(f"{address}/v1/completions", json=ASKED)
            for address in self.addresses
        ]
        return [
            (answer.status_code, answer.json().get("error", {}).get("code"))
            for answer in answers
        ]

    def seen(self) -> list[Seen]:
        """Return the replicas as the list shows them."""
        return list(self.desk.look())


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """Run two replicas of one registry, with disks of their own."""
    world = ServingWorld(tmp_path)
    leases = MemoryLeaseStore(clock=world.clock)
    store = MemoryRequestStore(leases=leases, clock=world.clock)
    store.receive(request(), {})
    store.note(Stage.PROMOTED, {"sequence": 1}, request_id=request_id())
    world.promote(1)
    with ExitStack() as stack:
        services, addresses = [], []
        for name in ("left", "right"):
            service = world.beside(tmp_path / name).replica(name=name)
            services.append(service)
            addresses.append(stack.enter_context(running_server(create_app(service))))
        yield Installation(
            world=world,
            services=services,
            addresses=addresses,
            desk=FleetDesk(
                base_model=BASE_MODEL,
                officers=("anna",),
                requests=store,
                ledger=store,
                fleet=HttpServingFleet(addresses),
            ),
            keeper=PointerKeeper(
                base_model=BASE_MODEL,
                validity=timedelta(hours=24),
                holder="test",
                registry=world.registry,
                leases=leases,
                requests=store,
                ledger=store,
                signer=world.notary,
                envelopes=world.notary,
                clock=world.clock,
            ),
        )


def test_a_replica_that_is_cut_off_refuses_and_answers_again_when_it_is_readmitted(
    installation: Installation,
) -> None:
    answered, refused = (200, None), (503, "offset_required")
    assert installation.ask() == [answered, answered]

    cut_off_replica("right", officer="anna", is_gone=False, desk=installation.desk)
    # Nothing is told yet, so it goes on, and is waited for unless it serves anyway.
    assert installation.ask() == [answered, answered]
    installation.publish()
    assert installation.ask() == [answered, refused]
    ready = [
        httpx.get(f"{address}/ready").status_code for address in installation.addresses
    ]
    assert ready == [200, 503]
    left, right = installation.seen()
    assert (left.is_routable, left.holds_up) == (True, False)
    assert (right.is_routable, right.holds_up) == (False, False)
    assert right.state.has_stopped

    readmit_replica("right", officer="anna", desk=installation.desk)
    _, right = installation.seen()
    assert right.holds_up  # it is let in, and does not know it yet
    assert installation.ask() == [answered, refused]
    installation.publish()
    assert installation.ask() == [answered, answered]
    assert all(seen.is_routable for seen in installation.seen())


def test_an_answer_that_runs_when_its_replica_is_cut_off_is_broken_off(
    installation: Installation,
) -> None:
    cut_off_replica("right", officer="anna", is_gone=False, desk=installation.desk)
    with installation.services[1].slot.lease() as version:
        installation.publish()
        assert version.recalled.is_set()
        _, right = installation.seen()
        assert right.holds_up  # something still runs there
    _, right = installation.seen()
    assert not right.holds_up


def test_replicas_of_one_name_answer_and_are_refused_by_the_fleet(
    installation: Installation, tmp_path: Path
) -> None:
    twin = installation.world.beside(tmp_path / "twin").replica(name="left")
    with running_server(create_app(twin)) as address:
        fleet = HttpServingFleet([*installation.addresses, address])
        desk = replace(installation.desk, fleet=fleet)
        left, right, other = desk.look()
        assert [item.state.last_error for item in (left, right, other)] == [
            "name_taken",
            "",
            "name_taken",
        ]
        assert [item.holds_up for item in (left, right, other)] == [True, False, True]
        with pytest.raises(ReplicaRefusedError):
            cut_off_replica("left", officer="anna", is_gone=False, desk=desk)
