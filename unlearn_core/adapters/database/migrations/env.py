"""Runs migrations on the connection that the caller opened."""

from alembic import context
from sqlmodel import SQLModel

from unlearn_core.adapters.database import tables

assert tables  # noqa: S101 - importing the module fills the metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
