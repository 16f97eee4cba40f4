"""Create the first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply the change."""
    _create_requests()
    _create_ledger()
    _create_keys()


def downgrade() -> None:
    """Take the change back."""
    for table in (
        "wrapped_key",
        "lease",
        "ledger_entry",
        "message",
        "commitment",
        "erasure_request",
    ):
        op.drop_table(table)


def _create_requests() -> None:
    """Create the tables of requests and of what hangs on them."""
    op.create_table(
        "erasure_request",
        sa.Column("request_id", sa.String(), primary_key=True),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("received_at", sa.String(), nullable=False, index=True),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("received_on", sa.String(), nullable=False),
        sa.Column("due_on", sa.String(), nullable=False),
        sa.Column("extended_due_on", sa.String(), nullable=False),
        sa.Column("base_model", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False, index=True),
        sa.Column("outcome", sa.String(), nullable=True),
    )
    op.create_table(
        "commitment",
        sa.Column(
            "request_id",
            sa.String(),
            sa.ForeignKey("erasure_request.request_id"),
            primary_key=True,
        ),
        sa.Column("commitment", sa.String(), primary_key=True, index=True),
    )
    op.create_table(
        "message",
        sa.Column(
            "request_id",
            sa.String(),
            sa.ForeignKey("erasure_request.request_id"),
            primary_key=True,
        ),
        sa.Column("template", sa.String(), primary_key=True),
        sa.Column("created_at", sa.String(), nullable=False),
    )


def _create_ledger() -> None:
    """Create the tables that say what was done, and who may go on."""
    op.create_table(
        "ledger_entry",
        sa.Column("sequence", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("recorded_at", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=True, index=True),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("payload", sa.String(), nullable=False),
        sa.Column("fencing_token", sa.Integer(), nullable=False),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("entry_hash", sa.String(), nullable=False, unique=True),
    )
    op.create_table(
        "lease",
        sa.Column("resource", sa.String(), primary_key=True),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.String(), nullable=False),
    )


def _create_keys() -> None:
    """Create the table of wrapped keys."""
    op.create_table(
        "wrapped_key",
        sa.Column("scope", sa.String(), primary_key=True),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("destroyed_at", sa.String(), nullable=True),
        sa.Column("objects_removed", sa.Integer(), nullable=False),
    )
