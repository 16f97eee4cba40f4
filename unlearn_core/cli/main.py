"""The ``unlearn`` command.

Results go to standard output, talk to standard error. Exit codes: 0 success,
1 refused, 2 wrong usage, 3 something that unlearn depends on is not available.
"""

import sys

import typer
from rich.console import Console

from unlearn_core.cli import certificates, installation, ledger, requests
from unlearn_core.errors import DependencyError, UnlearnError

EXIT_REFUSED = 1
EXIT_UNAVAILABLE = 3

app = typer.Typer(
    name="unlearn",
    help="Data-deletion requests for large language models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(requests.app, name="request")
app.add_typer(certificates.app, name="certificate")
app.add_typer(ledger.app, name="ledger")
app.add_typer(installation.keys, name="keys")
app.add_typer(installation.database, name="database")
app.command(name="up")(installation.up)


def main() -> None:
    """Run the command; errors become one sentence with the next step."""
    try:
        app()
    except UnlearnError as error:
        console = Console(stderr=True, highlight=False)
        console.print(f"[bold]{error.code}[/bold]: {error.diagnostics()}")
        unavailable = isinstance(error, DependencyError)
        sys.exit(EXIT_UNAVAILABLE if unavailable else EXIT_REFUSED)
