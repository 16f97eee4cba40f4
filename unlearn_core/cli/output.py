"""Printing results: for people by default, as JSON with ``--json``."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from unlearn_core.domain.canonical import JsonValue

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def show(value: Mapping[str, JsonValue], *, as_json: bool) -> None:
    """Print one thing."""
    if as_json:
        typer.echo(json.dumps(value, indent=1))
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, item in value.items():
        table.add_row(name.replace("_", " "), str(item))
    Console().print(table)


def show_rows(rows: Sequence[Mapping[str, JsonValue]], *, as_json: bool) -> None:
    """Print a list of things."""
    if as_json:
        typer.echo(json.dumps(list(rows), indent=1))
        return
    table = Table(box=None, pad_edge=False)
    for name in rows[0] if rows else ():
        table.add_column(name.replace("_", " "))
    for row in rows:
        table.add_row(*(str(item) for item in row.values()))
    Console().print(table)
