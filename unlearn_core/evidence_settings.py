"""Settings of what auditors look at; read by `unlearn_core.settings`."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_STRICT = ConfigDict(extra="forbid")


class AuditSettings(BaseModel):
    """The Merkle log over the ledger."""

    model_config = _STRICT

    origin: Annotated[str, Field(pattern=r"^[^\s+]+$")] = Field(
        default="unlearn.example/ledger",
        description="Name of the log, unique to this installation.",
    )
    keepers: tuple[str, ...] = Field(
        default=(),
        description="Where checkpoints are kept: folders, s3://bucket/prefix or "
        "addresses of witnesses, as a JSON list.",
    )
    lock_days: int = Field(
        default=3650, ge=1, description="Object lock of a checkpoint, in days."
    )
    checkpoint_seconds: float = Field(
        default=600.0, gt=0, description="Time between checkpoints of the ledger."
    )


class GuardSettings(BaseModel):
    """Public questions that verification asks of what is to be served."""

    model_config = _STRICT

    folder: Path | None = Field(
        default=None,
        description="Folder of the guards' files; none asks no public questions.",
    )
    items: int = Field(
        default=100, ge=1, description="Most questions of each file, the first ones."
    )
