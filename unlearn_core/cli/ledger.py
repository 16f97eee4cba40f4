"""``unlearn ledger``: read and verify the chain."""

from typing import Annotated
from uuid import UUID

import typer

from unlearn_core.cli.output import AsJson, show, show_rows
from unlearn_core.cli.wiring import office
from unlearn_core.domain.canonical import Digest
from unlearn_core.domain.ledger import GENESIS, verify_chain
from unlearn_core.domain.requests import RequestId

app = typer.Typer(help="The append-only record.", no_args_is_help=True)


@app.command()
def verify(
    expected: Annotated[
        str | None,
        typer.Option(help="Hash that must occur, such as a certificate's ledger head."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Recompute every hash and link."""
    entries = list(office().store.entries())
    head = Digest(expected) if expected else None
    count = verify_chain(entries, expected_head=head)
    last = entries[-1].entry_hash if entries else GENESIS
    show({"valid": True, "entries": count, "head": last}, as_json=as_json)


@app.command(name="show")
def show_(
    request_id: Annotated[
        UUID | None, typer.Option("--request", help="Entries of one request only.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Print entries."""
    wanted = RequestId(request_id) if request_id else None
    show_rows(
        [
            {
                "sequence": entry.sequence,
                "recorded_at": entry.recorded_at.isoformat(timespec="seconds"),
                "request_id": str(entry.request_id) if entry.request_id else None,
                "event": entry.event,
                "hash": entry.entry_hash[7:19],
            }
            for entry in office().store.entries(wanted)
        ],
        as_json=as_json,
    )
