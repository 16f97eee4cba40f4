"""Certificates and what the ledger says of them later, written down by hand."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from support.domain import NOW, digest, ledger_entry
from support.steps import BASE_MODEL, RESERVED, TWINS, Controller
from support.story import STORY, work_until

from unlearn_core.domain.canonical import JsonValue, digest_of
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.standing import ARRANGED, DESTROYED, REVERIFIED, STARTED
from unlearn_core.domain.verdicts import (
    AcceptancePolicy,
    Comparison,
    Gate,
    Reverification,
    Side,
)
from unlearn_core.ports import Ledger
from unlearn_core.steps.keep_for_reverification import keep_for_reverification
from unlearn_core.training.recipe import RecipeLadder

MANIFEST, LATER = digest("manifest 1"), digest("manifest 2")
VALIDITY = timedelta(days=90)


def entry(
    event: str, days: float = 0, payload: Mapping[str, JsonValue] | None = None
) -> LedgerEntry:
    """Return an entry that was written so many days after the certificate's issue."""
    written = ledger_entry(event, payload=dict(payload or {}))
    return replace(written, recorded_at=NOW + timedelta(days=days))


def certified(*, is_served: bool = True) -> list[LedgerEntry]:
    """Return the entries of a request that ended with a certificate."""
    served = [
        entry(Stage.REGISTERED, payload={"manifest": MANIFEST, "sequence": 1}),
        entry(Stage.PROMOTED, payload={"sequence": 1}),
        entry(Stage.SERVING_CONFIRMED),
    ]
    expires_at = (NOW + VALIDITY).isoformat()
    return [
        *(served if is_served else []),
        entry(Stage.PURGED),
        entry(Stage.CERTIFIED, payload={"expires_at": expires_at}),
    ]


def arranged(**until: int) -> LedgerEntry:
    """Return what was kept, with the number of days for each material."""
    kept: dict[str, JsonValue] = {
        f"{name}_until": (NOW + timedelta(days=days)).isoformat()
        for name, days in until.items()
    }
    return entry(ARRANGED, payload={"every_days": 30, **kept})


def started(number: int, days: float) -> LedgerEntry:
    """Return the beginning of a re-verification."""
    return entry(STARTED, days, {"number": number})


def reverified(
    days: float,
    *,
    passed: bool = True,
    manifest: str = MANIFEST,
    renewed_until: datetime | None = None,
    failed_gates: tuple[str, ...] = (),
) -> LedgerEntry:
    """Return its result."""
    return entry(
        REVERIFIED,
        days,
        {
            "passed": passed,
            "manifest": manifest,
            "failed_gates": list(failed_gates),
            "valid_until": renewed_until.isoformat() if renewed_until else None,
        },
    )


def destroyed(material: str, days: float) -> LedgerEntry:
    """Return the destruction of something that was kept."""
    return entry(DESTROYED, days, {"material": material})


def lasting_policy(kept: Reverification) -> AcceptancePolicy:
    """Return a policy that every pair of two steps passes, and no wild one.

    Two of its gates can be asked again; that about people who stay cannot.
    """
    gates = (
        ("G2-greedy", "greedy_extraction_excess", Comparison.AT_MOST, 1.0),
        ("G4-strangers-low", "control_shift", Comparison.AT_LEAST, -0.5),
        ("G4-retain", "retain_accuracy_change", Comparison.AT_LEAST, -1.0),
    )
    return AcceptancePolicy(
        version="lasting",
        digest=digest_of(b"lasting"),
        confidence=0.95,
        samples_per_probe=1,
        minimum_controls=RESERVED - TWINS,
        gates=tuple(
            Gate(
                name=name,
                metric=metric,
                side=Side.VALUE,
                comparison=comparison,
                limit=limit,
                why="an example",
            )
            for name, metric, comparison, limit in gates
        ),
        reverification=kept,
    )


def fulfil(
    controller: Controller,
    number: int = 0,
    *,
    kept: Reverification | None = None,
    ladder: RecipeLadder | None = None,
) -> RequestId:
    """Work on a person's request from beginning to end."""
    request_id = controller.receive(number)
    bench = controller.bench(request_id)
    bench = replace(
        bench,
        policy=lasting_policy(kept) if kept else bench.policy,
        ladder=ladder or bench.ladder,
    )
    work_until(Stage.SERVING_CONFIRMED, request_id, bench=bench)
    keep_for_reverification(request_id, bench=bench)
    for _, step in STORY[-3:]:
        step(request_id, bench=bench)
    controller.leases.release(bench.lease)
    assert controller.store.get(request_id).base_model == BASE_MODEL
    return request_id


def note_certificate(
    ledger: Ledger, request_id: RequestId, *, expires_at: datetime
) -> None:
    """Write as much of a fulfilled request into a ledger as a certificate stands on."""
    ends: tuple[tuple[str, dict[str, JsonValue]], ...] = (
        (Stage.REGISTERED, {"manifest": MANIFEST, "sequence": 1}),
        (Stage.PROMOTED, {"sequence": 1}),
        (Stage.SERVING_CONFIRMED, {}),
        (Stage.PURGED, {}),
        (Stage.CERTIFIED, {"expires_at": expires_at.isoformat()}),
    )
    for event, payload in ends:
        ledger.note(event, payload, request_id=request_id)
