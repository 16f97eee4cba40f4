"""Settings of who sends requests and who is believed; see `unlearn_core.settings`."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

_STRICT = ConfigDict(extra="forbid")


class IdentitySettings(BaseModel):
    """How requesters prove who they are."""

    model_config = _STRICT

    policy: Literal["signed_token", "authenticated_channel", "email_code", "manual"] = (
        Field(default="signed_token", description="Name of the identity policy.")
    )
    trusted: tuple[
        Literal["cli", "import", "opendsr", "data_rights_protocol", "drop"], ...
    ] = Field(
        default=("drop",),
        description="Channels whose senders vouch for the subject, as a JSON list.",
    )
    issuer: str = Field(
        default="https://id.unlearn.example",
        description="Expected issuer of identity tokens.",
    )
    public_key: Path = Field(
        default=Path("var/keys/identity.pub.json"),
        description="Public key of the token issuer, a JWK file.",
    )


class DrpAgent(BaseModel):
    """An agent of the Data Rights Protocol, as the network's directory has it."""

    model_config = _STRICT

    verify_key: str
    callbacks: tuple[str, ...] = ()


class DrpSettings(BaseModel):
    """Requests of agents by the Data Rights Protocol."""

    model_config = _STRICT

    business: str | None = Field(
        default=None,
        description="Our name in the network's directory; without it there are no "
        "routes of the protocol.",
    )
    agents: dict[str, DrpAgent] = Field(
        default={},
        description="Agent to its `verify_key` in base64 and the addresses below which "
        "it may be called, `callbacks`, as a JSON object.",
    )


class OpenDsrController(BaseModel):
    """A controller whose processor we are."""

    model_config = _STRICT

    certificate: Path | None = None
    callbacks: tuple[str, ...] = ()


class OpenDsrSettings(BaseModel):
    """Requests of controllers by OpenDSR."""

    model_config = _STRICT

    domain: str | None = Field(
        default=None,
        description="Domain of this processor; without it there are no routes of the "
        "protocol.",
    )
    key: Path = Field(
        default=Path("var/keys/opendsr.key.pem"),
        description="Private RSA key that answers are signed with, a PEM file.",
    )
    certificate: Path = Field(
        default=Path("var/keys/opendsr.pem"),
        description="Certificate of the domain, by an authority, a PEM file.",
    )
    controllers: dict[str, OpenDsrController] = Field(
        default={},
        description="Controller to the file of its `certificate`, if it signs, and the "
        "addresses below which it may be called, `callbacks`, as a JSON object.",
    )


class DropSettings(BaseModel):
    """Fields of the data map that lists of California's DROP are compared with."""

    model_config = _STRICT

    first_name: str = Field(
        default="",
        description="Field with the given name; the whole name is divided if none.",
    )
    last_name: str = Field(
        default="",
        description="Field with the family name; the whole name is divided if none.",
    )
    birth_date: str = Field(
        default="", description="Field with the date of birth, as in ISO 8601."
    )
    postal_code: str = Field(default="", description="Field with the ZIP code.")
    vin: str = Field(
        default="", description="Field with the vehicle identification number."
    )
    maid: str = Field(
        default="", description="Field with the mobile advertising identifier."
    )
    ctvid: str = Field(
        default="", description="Field with the identifier of a connected television."
    )
