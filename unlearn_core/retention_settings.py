"""Restriction, and how long what is kept; read by `unlearn_core.settings`."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

SHORTEST_RECORD_DAYS = 730
"""24 months, 11 CCR 7101(b)."""


class RestrictionSettings(BaseModel):
    """When use of data is restricted (Art. 18 GDPR), and what covers it."""

    model_config = ConfigDict(extra="forbid")

    at_once: bool = Field(
        default=False,
        description="Whether every request restricts once the identity is verified.",
    )
    cover: Path | None = Field(
        default=None,
        description="File of names of people never met, one a line, that are withheld "
        "as well while somebody is restricted.",
    )


class RetentionSettings(BaseModel):
    """How long what is kept, counted from the answer to the data subject."""

    model_config = ConfigDict(extra="forbid")

    contact_days: int = Field(
        default=14,
        ge=3,
        description="Days that an address is kept which a message waits for.",
    )
    material_days: int = Field(
        default=1095,
        ge=0,
        description="Most days that re-verification keeps what it asks with.",
    )
    record_days: int = Field(
        default=1095,
        ge=SHORTEST_RECORD_DAYS,
        description="Days that the record of a request is kept, at least 730.",
    )
    suppression_days: int = Field(
        default=3650,
        ge=0,
        description="Days that the erased are recognised in backups and new corpora.",
    )
    evidence_days: int = Field(
        default=3650,
        ge=SHORTEST_RECORD_DAYS,
        description="Days that certificates and content of the ledger are kept.",
    )
    retired_bases: tuple[str, ...] = Field(
        default=(),
        description="Names of base models that nobody serves any more, as a JSON list.",
    )
