"""The tables. Moments are ISO 8601 texts in UTC, so both databases keep them whole."""

from typing import ClassVar

from sqlmodel import Field, SQLModel


class RequestRow(SQLModel, table=True):
    """An erasure request; nothing in it names the person."""

    __tablename__: ClassVar[str] = "erasure_request"

    request_id: str = Field(primary_key=True)
    channel: str
    received_at: str = Field(index=True)
    rule: str
    received_on: str
    due_on: str
    extended_due_on: str
    base_model: str
    stage: str = Field(index=True)
    outcome: str | None = None


class CommitmentRow(SQLModel, table=True):
    """A keyed commitment to one identifier of a request's subject."""

    __tablename__: ClassVar[str] = "commitment"

    request_id: str = Field(primary_key=True, foreign_key="erasure_request.request_id")
    commitment: str = Field(primary_key=True, index=True)


class LedgerRow(SQLModel, table=True):
    """One ledger entry; rows are only ever inserted."""

    __tablename__: ClassVar[str] = "ledger_entry"

    sequence: int = Field(primary_key=True)
    recorded_at: str
    request_id: str | None = Field(default=None, index=True)
    event: str
    payload: str
    fencing_token: int
    previous_hash: str
    entry_hash: str = Field(unique=True)


class LeafRow(SQLModel, table=True):
    """The leaf of one ledger entry in the Merkle log; rows are only ever inserted."""

    __tablename__: ClassVar[str] = "log_leaf"

    sequence: int = Field(primary_key=True)
    salt: str
    commitment: str


class LeaseRow(SQLModel, table=True):
    """The latest lease of a resource."""

    __tablename__: ClassVar[str] = "lease"

    resource: str = Field(primary_key=True)
    holder: str
    token: int
    expires_at: str


class WrappedKeyRow(SQLModel, table=True):
    """The wrapped data key of one custody scope, or evidence of its destruction."""

    __tablename__: ClassVar[str] = "wrapped_key"

    scope: str = Field(primary_key=True)
    wrapped: bytes | None = None
    digest: str
    created_at: str
    destroyed_at: str | None = None
    objects_removed: int = 0


class MessageRow(SQLModel, table=True):
    """A message to a data subject, by template; holds no personal data."""

    __tablename__: ClassVar[str] = "message"

    request_id: str = Field(primary_key=True, foreign_key="erasure_request.request_id")
    template: str = Field(primary_key=True)
    created_at: str


class AccessKeyRow(SQLModel, table=True):
    """An access key, by its digest."""

    __tablename__: ClassVar[str] = "access_key"

    key_id: str = Field(primary_key=True)
    name: str
    roles: str
    digest: str
    created_at: str
    revoked_at: str | None = None


class SessionRow(SQLModel, table=True):
    """A signed-in browser, by the digest of its token."""

    __tablename__: ClassVar[str] = "access_session"

    digest: str = Field(primary_key=True)
    who: str
    name: str
    roles: str
    started_at: str
    seen_at: str
    key_id: str | None = Field(default=None, index=True)


class DispatchRow(SQLModel, table=True):
    """A message on its way over a channel; holds no address and no text."""

    __tablename__: ClassVar[str] = "dispatch"

    request_id: str = Field(primary_key=True, foreign_key="erasure_request.request_id")
    template: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    queued_at: str
    due_at: str
    state: str
    attempts: int
    reason: str
