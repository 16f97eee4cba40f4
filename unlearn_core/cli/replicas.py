"""``unlearn replica``: which replicas keep up, and those that are cut off."""

from typing import Annotated

import typer

from unlearn_core.cli.output import AsJson, show_rows
from unlearn_core.cli.wiring import fleet_desk, tell_replicas
from unlearn_core.domain.canonical import JsonValue
from unlearn_core.errors import UnlearnError
from unlearn_core.steps.cut_off_replica import (
    Seen,
    cut_off_replica,
    readmit_replica,
)

app = typer.Typer(help="Inference services.", no_args_is_help=True)

Name = Annotated[
    str, typer.Argument(help="The replica, by name or address as the list shows it.")
]
By = Annotated[str, typer.Option("--by", help="The officer who decides.")]


@app.command(name="list")
def list_(*, as_json: AsJson = False) -> None:
    """List all replicas: what each serves, and whether it holds erasures up.

    Questions may be routed to those that are routable.
    """
    show_rows([_row(seen) for seen in fleet_desk().look()], as_json=as_json)


@app.command(name="cut-off")
def cut_off(
    name: Name,
    *,
    by: By,
    gone: Annotated[
        bool,
        typer.Option("--gone", help="It is stopped and no router leads to it."),
    ] = False,
) -> None:
    """Take a replica that does not keep up out of service.

    It stops answering when it reads of it; then erasures do not wait for it.

    One that does not answer is waited for, unless you say that it is gone.
    """
    cut_off_replica(name, officer=by, is_gone=gone, desk=fleet_desk())
    _tell(f"cut off: {name}")


@app.command()
def readmit(name: Name, *, by: By) -> None:
    """Let a replica back in; it answers once it serves what is required."""
    readmit_replica(name, officer=by, desk=fleet_desk())
    _tell(f"readmitted: {name}")


def _tell(done: str) -> None:
    """Say what was done, and publish it unless a worker does that."""
    typer.echo(done, err=True)
    try:
        is_told = tell_replicas()
    except UnlearnError as error:
        typer.echo(f"replicas read of it in the next pointer ({error.code})", err=True)
        return
    # Nothing is published for now, it says so already, or a worker publishes it.
    otherwise = "replicas know of it, or read of it in the next pointer"
    typer.echo("a new pointer says so" if is_told else otherwise, err=True)


def _row(seen: Seen) -> dict[str, JsonValue]:
    state, cut = seen.state, seen.cut_off
    return {
        "replica": state.name,
        "address": state.address,
        "serves": state.sequence,
        "oldest_in_flight": state.oldest_in_flight,
        "routable": seen.is_routable,
        "holds_up": seen.holds_up,
        "cut_off_by": cut.officer if cut else None,
        "gone": cut.is_gone if cut else None,
        "last_error": state.last_error,
    }
