"""Settings of searching on machines elsewhere; read by `unlearn_core.settings`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_STRICT = ConfigDict(extra="forbid")

_ENCRYPTED_OR_HERE = r"^(tls://\S+|tcp://(127\.0\.0\.1|localhost|\[::1\]):\d+)$"


class ClusterSettings(BaseModel):
    """A Dask cluster that searches sources of files."""

    model_config = _STRICT

    scheduler: Annotated[str, Field(pattern=_ENCRYPTED_OR_HERE)] | None = Field(
        default=None,
        description="Address of a Dask scheduler, tls://host:port, that searches "
        "sources of files; none searches them here.",
    )
    part_megabytes: int = Field(
        default=64, ge=1, description="Size at which a large file is divided."
    )
    patience_seconds: float = Field(
        default=600.0, gt=0, description="Longest wait until another part is searched."
    )
