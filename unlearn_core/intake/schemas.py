"""What the intake API takes and gives."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from unlearn_core.domain.certificates import CertificateStatus
from unlearn_core.domain.grounds import Ground
from unlearn_core.domain.requests import ErasureRequest, Outcome, RequestStatus, Stage
from unlearn_core.domain.standing import Reason, Standing
from unlearn_core.domain.subjects import IdentifierKind
from unlearn_core.steps.receive_request import (
    MAXIMUM_CONTACT_CHARACTERS,
    MAXIMUM_TOKEN_CHARACTERS,
)

_Identifiers = Annotated[list[SecretStr], Field(min_length=1, max_length=20)]


class ErasureRequestIn(BaseModel):
    """A request for erasure.

    Personal fields are secret strings, so that no error message repeats them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    identifiers: Annotated[
        dict[str, SecretStr | _Identifiers],
        Field(
            min_length=1,
            max_length=10,
            description="Kind of identifier (name, email, phone, customer_number, "
            "handle) to one value or several.",
        ),
    ]
    identity_token: Annotated[
        SecretStr | None,
        Field(
            max_length=MAXIMUM_TOKEN_CHARACTERS,
            description="Evidence of identity from the controller's provider.",
        ),
    ] = None
    contact: Annotated[
        SecretStr | None,
        Field(
            max_length=MAXIMUM_CONTACT_CHARACTERS,
            description="Where the answer shall go.",
        ),
    ] = None
    ground: Annotated[
        Ground | None,
        Field(description="Ground of Art. 17(1) GDPR that the subject claims."),
    ] = None
    language: Annotated[
        Literal["de", "en"] | None,
        Field(description="Language in which the subject is written to."),
    ] = None

    def plain_identifiers(self) -> dict[str, object]:
        """Return the identifiers as submitted."""
        return {
            kind: value.get_secret_value()
            if isinstance(value, SecretStr)
            else [item.get_secret_value() for item in value]
            for kind, value in self.identifiers.items()
        }


class IdentityCodeIn(BaseModel):
    """The code that the subject was sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: Annotated[SecretStr, Field(min_length=1, max_length=40)]


FIELD_NAMES: frozenset[str] = frozenset(
    {
        *ErasureRequestIn.model_fields,
        *IdentityCodeIn.model_fields,
        *IdentifierKind,
    }
)
"""Field names that an answer about a malformed request may repeat."""


class ErasureRequestOut(BaseModel):
    """Where a request stands; nothing in it names the person."""

    request_id: UUID
    status: RequestStatus
    stage: Stage
    outcome: Outcome | None
    received_at: datetime
    due_on: date
    extended_due_on: date
    messages: list[str]

    @classmethod
    def of(
        cls, request: ErasureRequest, *, messages: tuple[str, ...] = ()
    ) -> "ErasureRequestOut":
        """Build the answer for a request."""
        return cls(
            request_id=request.request_id,
            status=request.status,
            stage=request.stage,
            outcome=request.outcome,
            received_at=request.received_at,
            due_on=request.deadline.due_on,
            extended_due_on=request.deadline.extended_due_on,
            messages=list(messages),
        )


class CertificateStatusOut(BaseModel):
    """Where a certificate stands today; nothing in it names the person."""

    request_id: UUID
    status: CertificateStatus
    reason: Reason
    verified_at: datetime
    valid_until: datetime
    reverifications: int
    failed_gates: list[str]

    @classmethod
    def of(cls, request_id: UUID, standing: Standing) -> "CertificateStatusOut":
        """Build the answer for a certificate."""
        return cls(
            request_id=request_id,
            status=standing.status,
            reason=standing.reason,
            verified_at=standing.verified_at,
            valid_until=standing.valid_until,
            reverifications=standing.reverifications,
            failed_gates=list(standing.failed_gates),
        )
