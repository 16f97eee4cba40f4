"""Printing results: for people by default, as JSON with ``--json``."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from unlearn_core.domain.canonical import JsonValue

WIDEST = 240

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def show(value: Mapping[str, JsonValue], *, as_json: bool) -> None:
    """Print one thing."""
    if as_json:
        typer.echo(json.dumps(value, indent=1))
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, item in value.items():
        table.add_row(name.replace("_", " "), _cell(item))
    _print(table)


def show_rows(rows: Sequence[Mapping[str, JsonValue]], *, as_json: bool) -> None:
    """Print a list of things."""
    if as_json:
        typer.echo(json.dumps(list(rows), indent=1))
        return
    table = Table(box=None, pad_edge=False)
    for name in rows[0] if rows else ():
        table.add_column(name.replace("_", " "))
    for row in rows:
        table.add_row(*map(_cell, row.values()))
    _print(table)


def _cell(item: JsonValue) -> Text:
    """Return a value as it is: brackets in it are no markup."""
    return Text("" if item is None else str(item))


def _print(table: Table) -> None:
    """Print a table; in a pipe or a file, lines may be as long as they are."""
    Console(width=None if sys.stdout.isatty() else WIDEST).print(table)
