"""The ``unlearn`` command.

Results go to standard output, talk to standard error. Exit codes: 0 success,
1 refused, 2 wrong usage, 3 something that unlearn depends on is not available.
"""

import sys

import typer
from rich.console import Console
from rich.text import Text

from unlearn_core.cli import (
    access,
    asking,
    audit,
    certificates,
    corpus,
    drop,
    installation,
    ledger,
    mail,
    recipients,
    records,
    replicas,
    requests,
    retention,
    reviews,
    sources,
    verifications,
)
from unlearn_core.errors import DependencyError, UnexpectedError, UnlearnError

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
app.add_typer(audit.app, name="audit")
app.add_typer(mail.app, name="mail")
app.add_typer(verifications.app, name="verification")
app.add_typer(reviews.app, name="review")
app.add_typer(sources.app, name="sources")
app.add_typer(replicas.app, name="replica")
app.add_typer(corpus.app, name="corpus")
app.add_typer(drop.app, name="drop")
app.add_typer(retention.app, name="retention")
app.add_typer(recipients.app, name="recipients")
app.add_typer(records.app, name="records")
app.add_typer(access.app, name="access")
app.add_typer(installation.keys, name="keys")
app.add_typer(installation.database, name="database")
app.command(name="up")(installation.up)
app.command(name="ask")(asking.ask)


def main() -> None:
    """Run the command; errors become one sentence with the next step.

    The text of an unexpected error is withheld: it may hold personal data.
    """
    try:
        app()
    except UnlearnError as error:
        sys.exit(_explain(error))
    except Exception as error:  # noqa: BLE001 - nothing foreign is shown
        sys.exit(_explain(UnexpectedError(kind=type(error).__name__)))


def _explain(error: UnlearnError) -> int:
    """Print an error and return the exit code for it."""
    sentence = Text.assemble((error.code, "bold"), f": {error.diagnostics()}")
    Console(stderr=True).print(sentence, soft_wrap=True)
    unavailable = isinstance(error, DependencyError)
    return EXIT_UNAVAILABLE if unavailable else EXIT_REFUSED
