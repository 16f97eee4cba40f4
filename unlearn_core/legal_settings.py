"""The legal frame: whose clock, who decides; read by `unlearn_core.settings`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class LegalSettings(BaseModel):
    """The controller's legal frame."""

    model_config = ConfigDict(extra="forbid")

    rule: Literal["gdpr-12-3", "uk-12a", "ccpa-7021"] = Field(
        default="gdpr-12-3", description="Legal rule that sets the clock."
    )
    country: str = Field(
        default="DE", description="Country whose public holidays count."
    )
    timezone: str = Field(
        default="Europe/Berlin", description="Time zone of the controller."
    )
    officers: tuple[str, ...] = Field(
        default=(), description="Names of those who may decide, as a JSON list."
    )
    approval: bool = Field(
        default=False, description="Let two officers approve before records are erased."
    )
    cooling_off_hours: float = Field(
        default=0.0,
        ge=0,
        le=336,
        description="Time in which what was decided can still be cancelled, in hours.",
    )
    controller: str = Field(
        default="", description="Name and contact of the controller, for its records."
    )
    protection_officer: str = Field(
        default="", description="Contact of the data protection officer, likewise."
    )
    authority: str | None = Field(
        default=None, description="Supervisory authority that refusals name."
    )
    certificate_days: int = Field(
        default=90, ge=1, description="Validity of a verification, in days."
    )
