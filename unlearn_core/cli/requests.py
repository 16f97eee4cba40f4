"""``unlearn request``: submit, follow, order another round, decide."""

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from unlearn_core.cli import decisions, imports, restrictions
from unlearn_core.cli.output import AsJson, show, show_rows
from unlearn_core.cli.submitted import STANDARD_INPUT, read_submitted
from unlearn_core.cli.who import EnteredBy, account
from unlearn_core.cli.wiring import office, preview_desk
from unlearn_core.cli.words import served_after, words_of
from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.cooling import cancel_until
from unlearn_core.domain.docket import Docket
from unlearn_core.domain.forecast import Forecast
from unlearn_core.domain.grounds import GROUND, read_ground
from unlearn_core.domain.requests import (
    WAITS,
    Channel,
    ErasureRequest,
    RequestId,
    Stage,
)
from unlearn_core.domain.stage_limits import check_not_expired
from unlearn_core.steps.preview_erasure import preview_erasure
from unlearn_core.steps.receive_request import (
    Submission,
    checked_contact,
    checked_evidence,
    receive_request,
)
from unlearn_core.steps.resume_requests import grant_attempts
from unlearn_core.wiring import Office

app = typer.Typer(help="Erasure requests.", no_args_is_help=True)

decisions.add_to(app)
restrictions.add_to(app)
imports.add_to(app)

LOOK_SECONDS = 0.5

RequestArgument = Annotated[UUID, typer.Argument(help="The request id.")]


@app.command()
def submit(
    file: Annotated[
        Path, typer.Option(help="File with the request; - is standard input.")
    ] = STANDARD_INPUT,
    *,
    by: EnteredBy = None,
    as_json: AsJson = False,
) -> None:
    """Submit a request; personal data comes from a file or standard input only.

    The document is JSON, as for the HTTP API:
    {"identifiers": {"name": ..., "email": ...},
    "identity_token": ..., "contact": ..., "ground": ...}
    """
    submission = replace(_read(file), entered_by=by or account())
    request = receive_request(submission, desk=office().desk())
    show(_row(request), as_json=as_json)


@app.command()
def status(request_id: RequestArgument, *, as_json: AsJson = False) -> None:
    """Say where a request stands."""
    _show(RequestId(request_id), as_json=as_json)


@app.command()
def preview(request_id: RequestArgument, *, as_json: AsJson = False) -> None:
    """Say what an erasure would touch, source by source; nothing is changed.

    Counts alone; that the sealed records were read is in the ledger.
    """
    show_rows(
        [
            {
                "source": row.source,
                "found": row.found,
                "delete": row.deleted,
                "redact": row.redacted,
                "stay": _counted(row.staying),
                "matched": _counted(row.matched),
                "trained": " ".join(row.base_models) or "all",
            }
            for row in preview_erasure(RequestId(request_id), desk=preview_desk())
        ],
        as_json=as_json,
    )


def _counted(counts: Mapping[str, int]) -> str:
    return " ".join(f"{name}={count}" for name, count in sorted(counts.items()))


@app.command()
def watch(request_id: RequestArgument, *, as_json: AsJson = False) -> None:
    """Follow a request until it is closed, or waits for a person or a moment."""
    key, told = RequestId(request_id), 0
    while True:
        entries = list(office().store.entries(key))
        for entry in entries[told:]:
            if word := words_of(entry):
                typer.echo(f"{entry.recorded_at:%H:%M:%S}  {word}", err=True)
        told = len(entries)
        request = office().store.get(key)
        if request.is_closed or request.stage in WAITS:
            break
        time.sleep(LOOK_SECONDS)
    _show(key, as_json=as_json)


@app.command(name="list")
def list_(*, as_json: AsJson = False) -> None:
    """List all requests, oldest first, with the day on which each is expected."""
    desk = decisions.decision_desk()
    expected, rows = desk.forecasts(), []
    for item in desk.requests.all():
        row = _row(item)
        if expected:
            row |= _forecast_row(expected.get(item.request_id), desk.docket(item))
        rows.append(row)
    show_rows(rows, as_json=as_json)


@app.command()
def retry(request_id: RequestArgument, *, as_json: AsJson = False) -> None:
    """Order another round for a request that is stuck.

    Escalated: it is trained again; change the recipe or the policy first.

    Attempts exhausted: it is tried as often again; repair the cause first.
    """
    desk, key = office(), RequestId(request_id)
    if not grant_attempts(key, ledger=desk.store):
        _train_again(desk, key)
    show(_row(desk.store.get(key)), as_json=as_json)


def _train_again(desk: Office, request_id: RequestId) -> None:
    lease = desk.leases.acquire(
        str(request_id),
        holder=f"{socket.gethostname()}-{os.getpid()}",
        ttl=timedelta(seconds=30),
    )
    try:
        # Another round without working data could neither be trained nor ended.
        check_not_expired(desk.store.entries(request_id), stages={Stage.RETRIED})
        desk.store.advance(request_id, Stage.RETRIED, {}, lease=lease)
    finally:
        desk.leases.release(lease)


def _read(file: Path) -> Submission:
    subject, document = read_submitted(file)
    return Submission(
        subject=subject,
        evidence=checked_evidence(_text(document.get("identity_token"))),
        contact=checked_contact(_text(document.get("contact"))),
        channel=Channel.CLI,
        ground=read_ground(document.get(GROUND)),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _show(key: RequestId, *, as_json: bool) -> None:
    """Print where a request stands, and how long replicas took for its version."""
    store, desk = office().store, decisions.decision_desk()
    request = store.get(key)
    row = _row(request)
    if found := desk.forecasts().get(key):
        row |= _forecast_row(found, desk.docket(request))
        row["late_on"], row["ahead"] = found.late_on.isoformat(), found.ahead
    if drafted := desk.docket(request).drafted:
        row["extension_drafted"] = drafted.value
    until = cancel_until(store.entries(key))
    if until is not None:
        row["cancel_until"] = until.isoformat(timespec="seconds")
    for entry in store.entries(key, event=Stage.SERVING_CONFIRMED):
        row["served_after_seconds"] = served_after(entry)
    show(row, as_json=as_json)


def _forecast_row(found: Forecast | None, docket: Docket) -> dict[str, JsonValue]:
    """Return what is expected of a request, against the day that counts."""
    return {
        "expected_on": found.expected_on.isoformat() if found else None,
        "risk": found.risk(docket.due_on).value if found else None,
    }


def _row(request: ErasureRequest) -> dict[str, JsonValue]:
    return {
        "request_id": str(request.request_id),
        "status": request.status.value,
        "stage": request.stage.value,
        "outcome": request.outcome.value if request.outcome else None,
        "received_at": request.received_at.isoformat(timespec="seconds"),
        "due_on": request.deadline.due_on.isoformat(),
    }
