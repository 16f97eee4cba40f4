"""Every page of the console."""

from fastapi import FastAPI

from unlearn_core.intake.console.desk import ConsoleDesk
from unlearn_core.intake.console.inbox import add_inbox
from unlearn_core.intake.console.login import add_login
from unlearn_core.intake.doors import Doors


def add_console(app: FastAPI, desk: ConsoleDesk, doors: Doors) -> None:
    """Add the pages to the application."""
    add_login(app, doors)
    add_inbox(app, desk)
