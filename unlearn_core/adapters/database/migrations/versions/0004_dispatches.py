"""Keep which messages are on their way, and how their tries ended."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "dispatch",
        sa.Column(
            "request_id",
            sa.String(),
            sa.ForeignKey("erasure_request.request_id"),
            primary_key=True,
        ),
        sa.Column("template", sa.String(), primary_key=True),
        sa.Column("channel", sa.String(), primary_key=True),
        sa.Column("queued_at", sa.String(), nullable=False),
        sa.Column("due_at", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("dispatch")
