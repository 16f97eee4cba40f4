"""From settings to the intake service."""

import os
import socket

from unlearn_core.intake.app import IntakeService
from unlearn_core.intake.watchdog import Watchdog
from unlearn_core.intake.web import WebDesk
from unlearn_core.settings import Settings
from unlearn_core.wiring import open_office


def build_service(settings: Settings) -> IntakeService:
    """Build the service; nothing is started yet.

    Raises:
        UnlearnError: A key is missing or the database does not answer.
    """
    office = open_office(settings)
    desk = office.desk()
    return IntakeService(
        desk=desk,
        evidence=office.evidence,
        messages=office.notifier.posted,
        watchdog=Watchdog(
            office.watch_post(),
            holder=f"{socket.gethostname()}-{os.getpid()}",
            pause_seconds=settings.work.watch_seconds,
        ),
        api_key=settings.intake.api_key,
        web=(
            WebDesk(desk=desk, authority=settings.legal.authority)
            if settings.intake.pages
            else None
        ),
    )
