"""Every page of the console."""

from fastapi import FastAPI, Response

from unlearn_core.intake.console.desk import ConsoleDesk
from unlearn_core.intake.console.documents import add_documents
from unlearn_core.intake.console.inbox import add_inbox
from unlearn_core.intake.console.keys import add_keys
from unlearn_core.intake.console.login import add_login
from unlearn_core.intake.console.overview import add_overview
from unlearn_core.intake.console.request_page import add_request_page
from unlearn_core.intake.console.review_page import add_review_page
from unlearn_core.intake.doors import Doors
from unlearn_core.intake.rendering import HEADERS, PAGES


def add_console(app: FastAPI, desk: ConsoleDesk, doors: Doors) -> None:
    """Add the pages to the application."""
    add_login(app, doors)
    for add in (
        add_inbox,
        add_request_page,
        add_review_page,
        add_documents,
        add_overview,
        add_keys,
    ):
        add(app, desk)

    @app.get("/console/live.js", include_in_schema=False)
    def live() -> Response:
        """Return the script that follows a request; without it, the page reloads."""
        text = (PAGES / "live.js").read_text(encoding="utf-8")
        return Response(text, media_type="text/javascript", headers=dict(HEADERS))
