"""``unlearn recipients``: who has received personal data, and who was told what."""

from typing import Annotated
from uuid import UUID

import typer

from unlearn_core.cli.output import AsJson, show_rows
from unlearn_core.cli.wiring import checked_register, office
from unlearn_core.domain.recipients import Decided, Settlement
from unlearn_core.domain.requests import RequestId
from unlearn_core.steps.settle_recipient import settle_recipient

app = typer.Typer(help="Recipients of personal data.", no_args_is_help=True)

RequestArgument = Annotated[UUID, typer.Argument(help="The request id.")]


@app.command(name="list")
def list_(*, as_json: AsJson = False) -> None:
    """Check the register against the data map, and list who is in it."""
    show_rows(
        [
            {
                "recipient": item.name,
                "kind": item.kind.value,
                "sources": sorted(item.sources),
                "base_models": sorted(item.base_models),
                "since": item.since.isoformat(),
                "way": item.way or None,
                "encloses": item.encloses.value,
                "no_notice": item.decided.settlement.value if item.decided else None,
            }
            for item in checked_register().recipients
        ],
        as_json=as_json,
    )


@app.command()
def told(request_id: RequestArgument, *, as_json: AsJson = False) -> None:
    """List the recipients of what a request has erased, and how each was told.

    The subject may ask for this list (Art. 19, second sentence).
    """
    show_rows(
        [
            {**item.to_json(), "reason": item.reason}
            for item in office().recipients().told(RequestId(request_id))
        ],
        as_json=as_json,
    )


@app.command()
def settle(
    request_id: RequestArgument,
    recipient: Annotated[str, typer.Argument(help="Name of the recipient.")],
    *,
    reason: Annotated[Settlement, typer.Option(help="Why.")],
    by: Annotated[str, typer.Option("--by", help="The officer who decides.")],
) -> None:
    """Say why a recipient gets no notice, or none any more."""
    settle_recipient(
        RequestId(request_id),
        recipient,
        Decided(settlement=reason, officer=by),
        desk=office().recipients(),
    )
    typer.echo(f"settled: {recipient}", err=True)
