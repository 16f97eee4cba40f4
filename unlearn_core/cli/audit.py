"""``unlearn audit``: checkpoints, a look for tampering, and bundles for auditors."""

import os
import socket
from datetime import date
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from unlearn_core.cli.output import AsJson, show
from unlearn_core.cli.wiring import bundle_openers, office
from unlearn_core.domain.archive import pack, unpack
from unlearn_core.domain.audit_bundle import (
    CERTIFICATES,
    AuditBundle,
    BundleInvalidError,
    Openers,
    check_bundle,
)
from unlearn_core.domain.checkpoints import Checkpoint, CheckpointInvalidError
from unlearn_core.domain.requests import RequestId
from unlearn_core.errors import LedgerBrokenError
from unlearn_core.steps.audit_ledger import audit_ledger
from unlearn_core.steps.export_bundle import Period, export_bundle
from unlearn_core.steps.publish_checkpoint import publish_checkpoint

app = typer.Typer(help="Evidence that does not rest on trust.", no_args_is_help=True)

Brought = Annotated[
    list[Path] | None,
    typer.Option("--checkpoint", help="A checkpoint that the auditor keeps."),
]


@app.command()
def checkpoint(*, as_json: AsJson = False) -> None:
    """Sign what the ledger is now and have it kept outside."""
    published = publish_checkpoint(office().checkpoints(holder=_holder()))
    show(
        {
            "published": published is not None,
            "size": published.size if published else None,
            "root": published.root.hex() if published else None,
        },
        as_json=as_json,
    )


@app.command()
def check(brought: Brought = None, *, as_json: AsJson = False) -> None:
    """Compare the database with itself and with every checkpoint outside."""
    found = audit_ledger(office().audit(), brought=_read_all(brought))
    show(
        {
            "sound": not found.findings,
            "entries": found.entries,
            "checkpoints": found.checkpoints,
            "covered": found.covered,
            "findings": [
                {"check": item.check, "problem": item.problem, "at": item.at}
                for item in found.findings
            ],
        },
        as_json=as_json,
    )
    if found.findings:
        raise LedgerBrokenError(findings=len(found.findings))


@app.command()
def export(
    wanted: Annotated[
        str, typer.Argument(help="A request id, or days as 2026-01-01..2026-03-31.")
    ],
    file: Annotated[Path, typer.Argument(help="Where the bundle is written.")],
    brought: Brought = None,
) -> None:
    """Write a bundle that proves one request, or everything in a period."""
    scope = _scope(wanted)
    publish_checkpoint(office().checkpoints(holder=_holder()))
    files = export_bundle(scope, desk=office().export(), brought=_read_all(brought))
    file.write_bytes(pack(files))


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="The bundle.")],
    trust: Annotated[Path, typer.Option(help="File with the trusted public keys.")],
    brought: Brought = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Check a bundle offline; needs the file and the public keys only."""
    openers = bundle_openers(trust)
    files = unpack(_read(bundle))
    checked, latest = check_bundle(files, openers=openers)
    for note in _read_all(brought):
        _check_tied(openers.checkpoint(note), checked, latest, openers)
    entries = [item.entry for item in checked.entries]
    show(
        {
            "valid": True,
            "request_id": str(checked.request_id) if checked.request_id else None,
            "period": list(checked.period) if checked.period else None,
            "entries": len(entries),
            "first": entries[0].recorded_at.isoformat(timespec="seconds"),
            "last": entries[-1].recorded_at.isoformat(timespec="seconds"),
            "events": sorted({entry.event for entry in entries}),
            "certificates": sum(name.startswith(CERTIFICATES) for name in files),
            "log": latest.origin,
            "log_size": latest.size,
            "log_root": latest.root.hex(),
        },
        as_json=as_json,
    )


def _check_tied(
    kept: Checkpoint, bundle: AuditBundle, latest: Checkpoint, openers: Openers
) -> None:
    """Make sure that a bundle is tied to a checkpoint that the auditor keeps."""
    tied = [latest, *(openers.checkpoint(item.note) for item in bundle.earlier)]
    if kept not in tied:
        raise BundleInvalidError(check=3, problem="not tied to this checkpoint")


def _scope(wanted: str) -> RequestId | Period:
    first, dots, last = wanted.partition("..")
    try:
        if dots:
            return Period(
                first=date.fromisoformat(first), last=date.fromisoformat(last)
            )
        return RequestId(UUID(wanted))
    except ValueError:
        message = "give a request id, or days as 2026-01-01..2026-03-31"
        raise typer.BadParameter(message) from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise BundleInvalidError(check=1, problem="unreadable file") from None


def _read_all(paths: list[Path] | None) -> list[bytes]:
    try:
        return [path.read_bytes() for path in paths or []]
    except OSError:
        raise CheckpointInvalidError(problem="unreadable file") from None


def _holder() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"
