"""Where things are: the only module that reads the environment.

Settings say *where*; recipes and policies say *what*. Every variable starts with
``UNLEARN_``; nested ones are joined by two underscores, as in
``UNLEARN_SERVING__PORT``. One object is built at the start of a process and its
values are passed on.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableVariableError

from unlearn_core.cluster_settings import ClusterSettings
from unlearn_core.errors import SettingsError
from unlearn_core.evidence_settings import AuditSettings, GuardSettings
from unlearn_core.intake_settings import (
    DropSettings,
    DrpSettings,
    IdentitySettings,
    OpenDsrSettings,
)
from unlearn_core.legal_settings import LegalSettings
from unlearn_core.remote_settings import TeacherSettings, UpstreamSettings
from unlearn_core.retention_settings import RestrictionSettings, RetentionSettings

PACKAGE_ROOT = Path(__file__).parent

_STRICT = ConfigDict(extra="forbid")


class ModelSettings(BaseModel):
    """The base model and its reference."""

    model_config = _STRICT

    name: str = Field(default="small-world", description="Name of the base model.")
    base: Path = Field(
        default=Path("var/models/base"), description="Directory of the base model."
    )
    reference: Path = Field(
        default=Path("var/models/reference"),
        description="Directory of the frozen small model.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Where tensors live."
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="Precision of the base model's passes."
    )
    offload: Path | None = Field(
        default=None,
        description="Folder for what of a big base devices and memory do not hold.",
    )
    brief_laws: bool = Field(
        default=False,
        description="Whether kept laws tell likely tokens only where that will do.",
    )


class KeySettings(BaseModel):
    """Key files; each process needs only some of them."""

    model_config = _STRICT

    directory: Path = Field(
        default=Path("var/keys"), description="Directory of the key files."
    )
    kms_key: str = Field(
        default="",
        description="Key of AWS KMS that wraps data keys; the key file does if none.",
    )
    kms_endpoint_url: str | None = Field(
        default=None, description="KMS endpoint, if it is not the provider's own."
    )


class ObjectSettings(BaseModel):
    """Where sealed objects are kept."""

    model_config = _STRICT

    location: str = Field(
        default="var/objects", description="A directory, or s3://bucket/prefix."
    )
    endpoint_url: str | None = Field(
        default=None, description="S3 endpoint, if it is not the provider's own."
    )


class ServingSettings(BaseModel):
    """One inference service."""

    model_config = _STRICT

    replica: str = Field(default="replica-1", description="Name of this replica.")
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8810, description="Port to listen on.")
    poll_seconds: float = Field(
        default=1.0, gt=0, description="Time between looks at the registry."
    )
    cache: Path = Field(
        default=Path("var/replica-1"),
        description="Directory for fetched artifacts and the highest version seen.",
    )
    drain_seconds: float = Field(
        default=30.0, gt=0, description="Longest wait for running answers at the end."
    )
    swap_drain_seconds: float | None = Field(
        default=None,
        ge=0,
        description="Longest that an answer outlives its version, in seconds.",
    )
    swap_restarts: bool = Field(
        default=False,
        description="Begin whole answers anew when their version's time is up, "
        "instead of refusing them.",
    )
    webhook_secret: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="What the registry signs its webhooks with, which make a replica "
        "look at once; without it there is no `/webhook`.",
    )
    threads: int = Field(
        default=1, ge=0, description="CPU threads of the engine; 0 for all."
    )
    requires_offset: bool = Field(
        default=False,
        description="Refuse to answer before any offset was ever published.",
    )
    api_keys: tuple[Annotated[str, Field(pattern="^[0-9a-f]{64}$")], ...] = Field(
        default=(),
        description="SHA-256 digests of accepted API keys, as a JSON list; "
        "if empty, no key is asked for.",
    )
    requests_per_minute: int = Field(
        default=0, ge=0, description="Most requests of one caller; 0 for any number."
    )
    maximum_waiting: int = Field(
        default=256, ge=8, description="Most answers that wait for their turn."
    )
    speculation: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Whether the pair proposes tokens; `auto` measures what is faster.",
    )
    shares_prefixes: bool = Field(
        default=False,
        description="Compute beginnings that running prompts share only once.",
    )
    maximum_logprobs: int = Field(
        default=5,
        ge=0,
        description="Most alternatives told with a token; more make a service that "
        "others may put an offset on.",
    )


class IntakeSettings(BaseModel):
    """The service that takes in requests."""

    model_config = _STRICT

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8820, description="Port to listen on.")
    api_key: SecretStr | None = Field(
        default=None, description="Key that callers send as a bearer token."
    )
    pages: bool = Field(
        default=False, description="Serve the form and status page for subjects."
    )
    public_url: str | None = Field(
        default=None,
        description="Address of intake as browsers see it, without a path.",
    )
    requests_per_minute: int = Field(
        default=0,
        ge=0,
        description="Most API calls of one caller in a minute; 0 for any number.",
    )
    forms_per_minute: int = Field(
        default=30,
        ge=0,
        description="Most forms and sign-ins of one address in a minute; 0 for any "
        "number.",
    )


class ConsoleSettings(BaseModel):
    """The pages of intake for those who work with requests."""

    model_config = _STRICT

    enabled: bool = Field(
        default=False, description="Serve the console; keys open it, or an issuer."
    )
    issuer: str | None = Field(
        default=None, description="OpenID provider that people sign in with."
    )
    client_id: str = Field(
        default="unlearn", description="Name of the console at the issuer."
    )
    client_secret: SecretStr | None = Field(
        default=None, description="Secret of the console at the issuer, if it has one."
    )
    name_claim: str = Field(
        default="preferred_username",
        description="Claim with the name under which somebody decides.",
    )
    roles_claim: str = Field(
        default="roles", description="Claim with a list of role names."
    )


class MailSettings(BaseModel):
    """Messages to data subjects by e-mail."""

    model_config = _STRICT

    host: str | None = Field(
        default=None, description="Server that mail is handed to; none sends no mail."
    )
    port: int = Field(default=587, description="Port of the mail server.")
    encrypts: bool = Field(default=True, description="Demand STARTTLS.")
    user: str = Field(default="", description="Name to log in with.")
    password: SecretStr | None = Field(
        default=None, description="Password to log in with; none does not log in."
    )
    sender: str = Field(
        default="privacy@unlearn.example", description="Address that mail comes from."
    )
    language: Literal["de", "en"] = Field(
        default="en",
        description="Language of messages to whoever did not say which they read.",
    )


class WebhookSettings(BaseModel):
    """News about requests for other systems of the controller."""

    model_config = _STRICT

    urls: tuple[str, ...] = Field(
        default=(), description="Addresses that are told, as a JSON list."
    )
    secret: SecretStr | None = Field(
        default=None,
        description="Key that signs the news: whsec_ and at least 24 bytes in base64.",
    )


class WorkSettings(BaseModel):
    """How requests are worked on."""

    model_config = _STRICT

    lease_seconds: float = Field(
        default=30.0, gt=0, description="A worker silent for so long counts as lost."
    )
    watch_seconds: float = Field(
        default=5.0, gt=0, description="Time between looks for abandoned requests."
    )
    maximum_attempts: int = Field(
        default=5, ge=1, description="Runs per request before a person must look."
    )
    confirm_seconds: float = Field(
        default=120.0, gt=0, description="Longest wait for replicas to confirm."
    )
    pointer_hours: float = Field(
        default=24.0, gt=0, description="Validity of the serving pointer, in hours."
    )


class Settings(BaseSettings):
    """All settings of an installation."""

    model_config = SettingsConfigDict(
        env_prefix="UNLEARN_", env_nested_delimiter="__", extra="forbid"
    )

    database_url: SecretStr = Field(
        default=SecretStr("sqlite:///var/unlearn.db"),
        description="SQLAlchemy address of the database.",
    )
    data_map: Path = Field(
        default=Path("var/data-map.yaml"), description="The data map file."
    )
    acceptance_policy: Path = Field(
        default=PACKAGE_ROOT / "policies" / "acceptance-3.yaml",
        description="The acceptance policy file.",
    )
    recipients: Path | None = Field(
        default=None, description="The register of recipients; none if not set."
    )
    recipe: Path | None = Field(
        default=None, description="A recipe ladder file; built-in if not set."
    )
    mlflow_uri: str = Field(
        default="http://127.0.0.1:5050", description="Address of the MLflow server."
    )
    replicas: tuple[str, ...] = Field(
        default=("http://127.0.0.1:8810",),
        description="Addresses of all inference services, as a JSON list.",
    )
    model: ModelSettings = ModelSettings()
    teacher: TeacherSettings = TeacherSettings()
    keys: KeySettings = KeySettings()
    identity: IdentitySettings = IdentitySettings()
    objects: ObjectSettings = ObjectSettings()
    legal: LegalSettings = LegalSettings()
    serving: ServingSettings = ServingSettings()
    upstream: UpstreamSettings = UpstreamSettings()
    intake: IntakeSettings = IntakeSettings()
    console: ConsoleSettings = ConsoleSettings()
    mail: MailSettings = MailSettings()
    webhooks: WebhookSettings = WebhookSettings()
    drp: DrpSettings = DrpSettings()
    drop: DropSettings = DropSettings()
    opendsr: OpenDsrSettings = OpenDsrSettings()
    work: WorkSettings = WorkSettings()
    audit: AuditSettings = AuditSettings()
    guards: GuardSettings = GuardSettings()
    retention: RetentionSettings = RetentionSettings()
    restriction: RestrictionSettings = RestrictionSettings()
    cluster: ClusterSettings = ClusterSettings()


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: A variable is malformed or unknown to its group; it is named,
            its value is not.
    """
    try:
        return Settings()
    except ValidationError as error:
        name = "__".join(map(str, error.errors()[0]["loc"]))
    except UnreadableVariableError as error:
        # Its text is: error parsing value for field "replicas" from source ...
        name = str(error).partition('"')[2].partition('"')[0]
    raise SettingsError(variable="UNLEARN_" + name.upper())
