"""An intake service with requests in every state that a page looks different in."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from support.domain import record
from support.evidence import complete_evidence
from support.intake import OFFICERS, IntakeWorld
from support.renewals import note_certificate
from support.reports import report_of
from support.verdicts import certificate

from unlearn_core.domain.canonical import JsonValue, digest_of
from unlearn_core.domain.certificates import PAYLOAD_TYPE, certificate_name
from unlearn_core.domain.requests import Outcome, RequestId, Stage
from unlearn_core.domain.sources import records_to_bytes
from unlearn_core.intake.links import StatusLinks
from unlearn_core.privacy import Personal
from unlearn_core.steps import scopes
from unlearn_core.verification.report import report_name

TEXT = "We met <b>Ottilie</b> on another planet."
SEARCHED: Mapping[str, JsonValue] = {
    "source": "crm",
    "searched": 40,
    "found": 9,
    "uncertain": 3,
    "unreadable": 0,
}
VERIFIED = (Stage.ACKNOWLEDGED, Stage.IDENTITY_VERIFIED)
FULFILLED = (
    *VERIFIED,
    Stage.LOCATED,
    Stage.SOURCES_ERASED,
    Stage.DATASETS_BUILT,
    Stage.TRAINED,
)
SERVED = (
    Stage.REGISTERED,
    Stage.PROMOTED,
    Stage.SERVING_CONFIRMED,
    Stage.PURGED,
    Stage.CERTIFIED,
    Stage.NOTIFIED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Populated:
    """Requests by what is special about them."""

    world: IntakeWorld
    requests: Mapping[str, RequestId]

    def status(self, name: str) -> str:
        """Return the path of a request's status page."""
        links = StatusLinks(self.world.desk().pseudonymiser)
        return f"/status/{links.token(self.requests[name])}"


def lay_before(world: IntakeWorld, key: RequestId, *names: str) -> None:
    """Seal a list of uncertain records and let the request wait for its review."""
    listed = [
        replace(
            record(name),
            why=("name as_written in text",),
            texts={"text": Personal(TEXT)},
        )
        for name in names
    ]
    data = records_to_bytes(listed)
    scope = scopes.working(key)
    world.custody.put(scope, scopes.REVIEW_LIST, data)
    commitment = world.custody.commit(scope, data)
    world.move(key, Stage.UNDER_REVIEW, {"review_list": commitment})


def populate() -> Populated:
    """Return a service whose requests have come to different places."""
    world = IntakeWorld.with_issuer()
    names = ("working", "uncertain", "proposed", "held", "refused", "done")
    keys = {name: world.receive(f"Person {name.title()}") for name in names}
    for name in ("uncertain", "proposed", "held"):
        _walk(world, keys[name], *VERIFIED)
    lay_before(world, keys["uncertain"], "r-1", "r-2", "r-3")
    _propose(world, keys["proposed"])
    reason: dict[str, JsonValue] = {"reason": "objection", "on": "2026-03-02"}
    world.move(keys["held"], Stage.ON_HOLD, reason)
    told = {"reason": "legal_claims", "on": "2026-03-02"}
    world.move(keys["refused"], Stage.DECLINED, told, Outcome.REFUSED)
    _fulfil(world, keys["done"])
    world.clock.move(timedelta(days=24))
    return Populated(world=world, requests=keys)


def give_report(world: IntakeWorld) -> dict[str, JsonValue]:
    """Keep a verification report; return what the ledger says of it."""
    report = report_of(complete_evidence()).to_bytes()
    digest = digest_of(report)
    world.evidence.put(report_name(digest), report)
    return {"report": digest, "rung": 0}


def give_certificate(world: IntakeWorld, key: RequestId) -> None:
    """Keep a signed certificate of a request."""
    statement = replace(certificate(), request_id=str(key)).payload()
    signed = world.notary.sign(statement, payload_type=PAYLOAD_TYPE)
    world.evidence.put(certificate_name(key), signed)
    until = world.clock.now() + timedelta(days=90)
    note_certificate(world.store, key, expires_at=until)


def _propose(world: IntakeWorld, key: RequestId) -> None:
    world.store.note("source_searched", SEARCHED, request_id=key)
    _walk(world, key, Stage.LOCATED, Stage.REFERRED)
    said: dict[str, JsonValue] = {
        "decision": "approve",
        "reason": None,
        "officer": OFFICERS[1],
    }
    world.store.note("decision_proposed", said, request_id=key)


def _fulfil(world: IntakeWorld, key: RequestId) -> None:
    world.store.note("source_searched", SEARCHED, request_id=key)
    _walk(world, key, *FULFILLED)
    verified = give_report(world)
    world.move(key, Stage.UNLEARNING_VERIFIED, verified, Outcome.SUPPRESSED_AT_OUTPUT)
    for stage in SERVED:
        payload: dict[str, JsonValue] = (
            {"sequence": 1} if stage is Stage.PROMOTED else {}
        )
        world.move(key, stage, payload)
    give_certificate(world, key)


def _walk(world: IntakeWorld, key: RequestId, *stages: Stage) -> None:
    for stage in stages:
        world.move(key, stage)
