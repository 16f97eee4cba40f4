"""A controller with two replicas that are told of restrictions by hand."""

import json
from datetime import timedelta

from support.steps import BASE_MODEL, Controller
from support.story import work_until

from unlearn_core.adapters.memory.delivery import MemoryFleet
from unlearn_core.adapters.memory.signing import MemoryListSealer
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.restricted import (
    LiftReason,
    RestrictionReason,
    restriction_state,
)
from unlearn_core.domain.restrictions import (
    LIST_TYPE,
    RestrictionList,
    read_people,
)
from unlearn_core.steps.publish_restrictions import RestrictionKeeper
from unlearn_core.steps.restrict_request import (
    RestrictionDesk,
    lift_restriction,
    restrict_request,
)

OFFICERS = ("anna", "berta")
VALIDITY = timedelta(hours=24)


class RestrictionWorld:
    """A controller with two replicas that are told by hand."""

    def __init__(self, controller: Controller) -> None:
        self.controller = controller
        self.fleet = MemoryFleet(["left", "right"])
        self.lists = MemoryListSealer()
        self.desk = RestrictionDesk(
            officers=OFFICERS,
            requests=controller.store,
            ledger=controller.store,
            custody=controller.custody,
            notifier=controller.notifier,
        )
        self.keeper = RestrictionKeeper(
            base_model=BASE_MODEL,
            validity=VALIDITY,
            holder="keeper",
            cover=("Ida Unbekannt",),
            registry=controller.registry,
            leases=controller.leases,
            requests=controller.store,
            ledger=controller.store,
            custody=controller.custody,
            fleet=self.fleet,
            signer=controller.notary,
            envelopes=controller.notary,
            lists=self.lists,
            clock=controller.clock,
        )
        self.told(0)

    def verified(self, number: int = 0) -> RequestId:
        """Take in a request and verify the identity."""
        request_id = self.controller.receive(number)
        bench = self.controller.bench(request_id)
        work_until(Stage.IDENTITY_VERIFIED, request_id, bench=bench)
        self.controller.leases.release(bench.lease)
        return request_id

    def restrict(self, request_id: RequestId, *, officer: str = "anna") -> None:
        """Order a restriction."""
        reason = RestrictionReason.ACCURACY
        restrict_request(request_id, reason, officer=officer, desk=self.desk)

    def lift(self, request_id: RequestId, officer: str) -> bool:
        """Propose or carry out a lift."""
        reason = LiftReason.GROUND_ENDED
        return lift_restriction(request_id, reason, officer=officer, desk=self.desk)

    def told(self, version: int, *replicas: str) -> None:
        """Let replicas answer under a list."""
        for name in replicas or ("left", "right"):
            self.fleet.serve(name, version="", sequence=0, restrictions=version)

    def published(self) -> RestrictionList:
        """Return the published list."""
        envelope = self.controller.registry.restrictions(BASE_MODEL)
        assert envelope is not None
        payload = self.controller.notary.open(envelope, payload_type=LIST_TYPE)
        return RestrictionList.from_json(json.loads(payload))

    def names(self) -> list[str]:
        """Return the names on the published list, unsealed."""
        sealed = self.published().people
        people = read_people(self.lists.open(sealed, base_model=BASE_MODEL))
        return [subject.to_plain()["name"][0] for subject in people]

    def state(self, request_id: RequestId) -> str:
        """Return how a restriction stands."""
        return restriction_state(self.controller.store.entries(request_id))

    def name(self, number: int = 0) -> str:
        """Return the name of a trained person."""
        return self.controller.population.trained[number].name
