"""Give every ledger entry a leaf in the Merkle log, those that exist too."""

import hashlib
import hmac
import json
import secrets

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ENTRIES = sa.table(
    "ledger_entry",
    *map(
        sa.column,
        (
            "sequence",
            "recorded_at",
            "request_id",
            "event",
            "payload",
            "fencing_token",
            "previous_hash",
        ),
    ),
)


def upgrade() -> None:
    """Apply the change."""
    leaves = op.create_table(
        "log_leaf",
        sa.Column("sequence", sa.Integer(), primary_key=True),
        sa.Column("salt", sa.String(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
    )
    rows = op.get_bind().execute(sa.select(_ENTRIES).order_by(_ENTRIES.c.sequence))
    if written := [_leaf(row) for row in rows.mappings()]:
        op.bulk_insert(leaves, written)


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("log_leaf")


def _leaf(row: sa.RowMapping) -> dict[str, object]:
    """Commit to an entry as `domain.transparency` does; an emptied one has no salt."""
    fields = dict(row) | {"payload": json.loads(row["payload"])}
    canonical = json.dumps(
        fields,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    ).encode()
    salt = secrets.token_bytes(32)
    commitment = hmac.new(salt, canonical, hashlib.sha256).hexdigest()
    return {
        "sequence": row["sequence"],
        "salt": "" if fields["payload"] is None else salt.hex(),
        "commitment": commitment,
    }
