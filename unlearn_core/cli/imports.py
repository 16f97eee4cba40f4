"""``unlearn request import``: many requests from one table."""

from pathlib import Path
from typing import Annotated

import typer

from unlearn_core.cli.output import AsJson, show_rows
from unlearn_core.cli.who import EnteredBy, account
from unlearn_core.cli.wiring import office
from unlearn_core.steps.import_requests import (
    ImportRefusedError,
    import_requests,
    preview_import,
    read_lines,
)


def add_to(app: typer.Typer) -> None:
    """Add the command to those about requests."""
    app.command(name="import")(import_)


def import_(
    file: Annotated[Path, typer.Argument(help="Table of requests, CSV in UTF-8.")],
    *,
    apply: Annotated[
        bool, typer.Option("--apply", help="Take them in; without it, only look.")
    ] = False,
    by: EnteredBy = None,
    as_json: AsJson = False,
) -> None:
    """Import requests from a table, all of them or none.

    The first line names the columns: reference, name, email, phone,
    customer_number, handle, contact, identity_token, received_at, ground.

    A wrong line refuses the whole table. Importing it again makes no request twice.
    """
    try:
        table = file.read_bytes()
    except OSError as error:
        raise ImportRefusedError(problem="unreadable", errno=error.errno) from None
    desk = office().desk()
    lines = read_lines(table, now=desk.clock.now(), entered_by=by or account())
    run = import_requests if apply else preview_import
    show_rows([item.to_json() for item in run(lines, desk=desk)], as_json=as_json)
    if not apply:
        typer.echo("Nothing was taken in; --apply does it.", err=True)
