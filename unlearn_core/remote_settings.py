"""Settings of bases that are elsewhere; read by `unlearn_core.settings`."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

_STRICT = ConfigDict(extra="forbid")


class TeacherSettings(BaseModel):
    """A base elsewhere that training learns from instead of the one here."""

    model_config = _STRICT

    url: str | None = Field(
        default=None,
        description="Address, without /v1, of a service that tells token ids.",
    )
    name: str = Field(default="base", description="Name of the model there.")
    api_key: SecretStr | None = Field(
        default=None, description="Key that is sent as a bearer token."
    )
    tokens: int = Field(
        default=20,
        ge=1,
        description="How many likely tokens it is asked for.",
    )


class UpstreamSettings(BaseModel):
    """A base elsewhere that an inference service puts its offset on."""

    model_config = _STRICT

    url: str | None = Field(
        default=None,
        description="Address, without /v1, of a service that tells token ids; "
        "none if the base is here.",
    )
    name: str = Field(default="base", description="Name of the model there.")
    api_key: SecretStr | None = Field(
        default=None, description="Key that is sent as a bearer token."
    )
    tokens: int = Field(
        default=20, ge=1, description="How many likely tokens it is asked for."
    )
    largest_excluded: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Largest probability that tokens it does not tell may have.",
    )
    timeout_seconds: float = Field(
        default=30.0, gt=0, description="Longest wait for one of its answers."
    )
    check_seconds: float = Field(
        default=60.0, gt=0, description="Time between comparisons with its fingerprint."
    )
    tolerance_nats: float = Field(
        default=0.25, gt=0, description="By how much it may differ from that."
    )
