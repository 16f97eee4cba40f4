"""How long what of a closed request is kept; read by `unlearn_core.settings`."""

from pydantic import BaseModel, ConfigDict, Field

SHORTEST_RECORD_DAYS = 730
"""24 months, 11 CCR 7101(b)."""


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
