"""``unlearn retention``: how long what is kept, and what has outlived its time."""

import os
import socket
from typing import Annotated

import typer

from unlearn_core.cli.output import AsJson, show_rows
from unlearn_core.cli.wiring import office
from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.retention import WHAT
from unlearn_core.steps.apply_retention import Outlived, apply_retention, outlived

app = typer.Typer(help="How long what is kept.", no_args_is_help=True)


@app.command(name="show")
def show_(*, as_json: AsJson = False) -> None:
    """List every kind of data with its time after every outcome, and why."""
    periods = office().retention(holder=_holder()).periods
    show_rows(
        [
            {
                "kind": kind.value,
                "outcome": outcome.value,
                "days": period.days,
                "while_served": period.while_served,
                "reason": period.reason,
                "what": WHAT[kind],
            }
            for (kind, outcome), period in periods.items()
        ],
        as_json=as_json,
    )


@app.command()
def run(
    *,
    is_dry: Annotated[
        bool, typer.Option("--dry-run/--delete", help="Only tell, or delete.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Tell what has outlived its time; with --delete, delete it and read back."""
    desk = office().retention(holder=_holder())
    found = outlived(desk) if is_dry else apply_retention(desk)
    show_rows([_row(item) for item in found], as_json=as_json)
    word = "would be deleted" if is_dry else "deleted"
    typer.echo(f"{word}: data of {len(found)} requests", err=True)


def _row(item: Outlived) -> dict[str, JsonValue]:
    return {
        "request_id": str(item.end.request_id),
        "outcome": item.end.outcome.value,
        "ended": item.end.ended_at.date().isoformat(),
        "kinds": ", ".join(f"{kind} {count}" for kind, count in item.kinds.items()),
    }


def _holder() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"
