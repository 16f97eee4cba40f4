"""``unlearn mail``: what became of messages to data subjects."""

from typing import Annotated
from uuid import UUID

import typer

from unlearn_core.cli.output import AsJson, show_rows
from unlearn_core.cli.wiring import office
from unlearn_core.domain.dispatches import DispatchState
from unlearn_core.domain.requests import RequestId

app = typer.Typer(help="Messages to data subjects.", no_args_is_help=True)


@app.callback()
def mail() -> None:
    """Messages to data subjects."""


@app.command(name="list")
def list_(
    request_id: Annotated[
        UUID | None, typer.Option("--request", help="Messages of one request only.")
    ] = None,
    state: Annotated[
        DispatchState | None, typer.Option(help="Messages in this state only.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List messages that go by mail or webhook, without address and text."""
    wanted = RequestId(request_id) if request_id else None
    show_rows(
        [
            {
                "request_id": str(dispatch.request_id),
                "message": dispatch.template,
                "channel": dispatch.channel,
                "state": dispatch.state.value,
                "attempts": dispatch.attempts,
                "next_try": (
                    dispatch.due_at.isoformat(timespec="seconds")
                    if dispatch.state is DispatchState.WAITING
                    else None
                ),
                "reason": dispatch.reason,
            }
            for dispatch in office().notifier.dispatches(wanted)
            if state in (None, dispatch.state)
        ],
        as_json=as_json,
    )
