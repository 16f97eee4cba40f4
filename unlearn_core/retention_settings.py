"""Restriction, and how long what is kept; read by `unlearn_core.settings`."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

SHORTEST_RECORD_DAYS = 730
"""24 months, 11 CCR 7101(b)."""
SHORTEST_WORKING_DAYS = 30


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
    working_told_days: int = Field(
        default=14,
        ge=1,
        le=29,
        description="Days in one stage after which somebody is told of working data.",
    )
    working_days: int = Field(
        default=120,
        ge=SHORTEST_WORKING_DAYS,
        description="Days that working data waits for a person before it is destroyed.",
    )
    stage_days: dict[str, Annotated[int, Field(ge=SHORTEST_WORKING_DAYS)]] = Field(
        default={},
        description="Other such days for some stages, as a JSON object.",
    )
    retired_bases: tuple[str, ...] = Field(
        default=(),
        description="Names of base models that nobody serves any more, as a JSON list.",
    )

    def terms(self) -> dict[str, int]:
        """Return the days of what is kept after the answer."""
        others = {"retired_bases", "stage_days", "working_days", "working_told_days"}
        return self.model_dump(exclude=others)
