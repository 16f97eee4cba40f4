"""``unlearn access``: keys of programs and people, and what they may do."""

import secrets
from datetime import UTC
from typing import Annotated

import typer

from unlearn_core.cli.output import AsJson, show, show_rows
from unlearn_core.cli.wiring import office
from unlearn_core.domain.access import (
    GRANTED,
    KEY_ADDED,
    KEY_REVOKED,
    AccessKey,
    Role,
    digest_of_secret,
    key_text,
)

app = typer.Typer(help="Who may look and decide.", no_args_is_help=True)

KEY_ID_BYTES = 4
SECRET_BYTES = 32


@app.command()
def add(
    name: Annotated[
        str, typer.Argument(help="Whose key it is; an officer's name as configured.")
    ],
    *,
    role: Annotated[
        list[Role], typer.Option(help="What the holder may do; once for each role.")
    ],
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once; only its digest is kept.

    With the first key, the API of intake asks everybody for one.
    """
    if not set(role) <= GRANTED:
        message = "a subject has an opaque link, not a key"
        raise typer.BadParameter(message)
    desk = office()
    key_id = secrets.token_hex(KEY_ID_BYTES)
    text = key_text(key_id, secrets.token_urlsafe(SECRET_BYTES))
    key = AccessKey(
        key_id=key_id,
        name=name,
        roles=frozenset(role),
        digest=digest_of_secret(text),
        created_at=desk.clock.now(),
    )
    desk.store.note(KEY_ADDED, {"key": key_id, "roles": [*sorted(key.roles)]})
    desk.access.add_key(key)
    show({"key_id": key_id, "name": name, "key": text}, as_json=as_json)


@app.command(name="list")
def list_(*, as_json: AsJson = False) -> None:
    """List all keys, revoked ones too; no key can be shown again."""
    show_rows(
        [
            {
                "key_id": key.key_id,
                "name": key.name,
                "roles": ", ".join(sorted(key.roles)),
                "created_on": key.created_at.astimezone(UTC).date().isoformat(),
                "state": "revoked" if key.revoked_at else "valid",
            }
            for key in office().access.all_keys()
        ],
        as_json=as_json,
    )


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The key's id.")]) -> None:
    """End a key, and every session that was opened with it, at once."""
    desk = office()
    if desk.access.key(key_id) is None:
        message = "there is no such key; `unlearn access list` shows all"
        raise typer.BadParameter(message)
    desk.store.note(KEY_REVOKED, {"key": key_id})
    desk.access.revoke_key(key_id, at=desk.clock.now())
    typer.echo(f"revoked: {key_id}", err=True)
