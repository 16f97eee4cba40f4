"""The keys that open intake and console: whose they are, and their end."""

from fastapi import FastAPI, Request, Response

from unlearn_core.domain.access import KEY_REVOKED
from unlearn_core.errors import UnknownRequestError
from unlearn_core.intake.console.desk import ConsoleDesk, caller_of, may, show
from unlearn_core.intake.rendering import lead_to

REVOKE = "/console/keys/{key_id}/revoke"


def add_keys(app: FastAPI, desk: ConsoleDesk) -> None:
    """Add the page of the keys."""

    @app.get("/console/keys", include_in_schema=False)
    def keys(request: Request) -> Response:
        """List all keys, revoked ones too."""
        return show(
            request,
            "console_keys.html",
            keys=desk.access.all_keys(),
            can_revoke=may(caller_of(request), f"POST {REVOKE}"),
        )

    @app.post(REVOKE, include_in_schema=False)
    def revoke(request: Request, key_id: str) -> Response:
        """End a key and its sessions."""
        if desk.access.key(key_id) is None:
            raise UnknownRequestError(missing="key")
        desk.decisions.ledger.note(
            KEY_REVOKED, {"key": key_id, "who": caller_of(request).who}
        )
        desk.access.revoke_key(key_id, at=desk.decisions.clock.now())
        return lead_to("/console/keys")
