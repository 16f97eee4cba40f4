"""Who enters a request on the command line; it must not be who approves it."""

import getpass
import os
from typing import Annotated

import typer

EnteredBy = Annotated[
    str | None,
    typer.Option(
        "--by",
        help="Who enters it, by an officer's name if they are one; else the account.",
        show_default=False,
    ),
]


def account() -> str:
    """Return the name of the account that the command runs under."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the number has no name, as in many containers
        return f"uid {os.getuid()}"
