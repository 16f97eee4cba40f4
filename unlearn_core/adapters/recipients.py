"""The register of recipients: a YAML file that the controller keeps.

It is read like the data map: strictly, and what is wrong is named by entry and line.
Addresses, secrets and keys stay in it and beside it; the ledger has code names only.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import yaml
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, import_key
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from unlearn_core.adapters.connectors.places import line_of
from unlearn_core.adapters.webhooks import is_strong
from unlearn_core.domain.recipients import (
    Decided,
    Enclosure,
    InvalidRecipientsError,
    Recipient,
    RecipientKind,
    Settlement,
)

SEALING: Mapping[str, str] = {"alg": "ECDH-ES", "enc": "A256GCM"}
"""Agreement with an ephemeral key, which is forgotten: nobody but they can open it."""

CURVES = frozenset({"X25519", "P-256"})

_LOCAL = ("https://", "http://127.0.0.1:", "http://localhost:")
_STRICT = ConfigDict(extra="forbid")


class _WebhookEntry(BaseModel):
    model_config = _STRICT

    url: str
    secret_file: Path

    @model_validator(mode="after")
    def _is_private(self) -> "_WebhookEntry":
        if not self.url.startswith(_LOCAL):
            message = "not https"
            raise ValueError(message)
        return self


class _DecidedEntry(BaseModel):
    model_config = _STRICT

    reason: Settlement
    officer: Annotated[str, Field(min_length=1)]


class _Entry(BaseModel):
    model_config = _STRICT

    name: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]{0,40}$")]
    kind: RecipientKind
    since: date
    sources: list[str] = []
    base_models: list[str] = []
    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")] | None = None
    webhook: _WebhookEntry | None = None
    no_notice: _DecidedEntry | None = None
    language: Literal["de", "en"] = "en"
    encloses: Enclosure = Enclosure.NOTHING
    key_file: Path | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> "_Entry":
        ways = [self.email, self.webhook, self.no_notice]
        if sum(way is not None for way in ways) != 1:
            message = "one of email, webhook and no_notice"
            raise ValueError(message)
        if not self.sources and not self.base_models:
            message = "received nothing"
            raise ValueError(message)
        if self.encloses is not Enclosure.NOTHING and self.key_file is None:
            message = "encloses without a key"
            raise ValueError(message)
        return self


class _File(BaseModel):
    model_config = _STRICT

    version: Literal[1]
    recipients: list[_Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Where a recipient hears from us.

    Attributes:
        email: Their address; empty if they have a webhook.
        url: Address of their webhook; empty if they have mail.
        secret: What signs posts to it; None if they have mail.
        language: Language of mail.
    """

    email: str = ""
    url: str = ""
    secret: SecretStr | None = None
    language: str = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRegister:
    """`RecipientRegister` from a file; without one nobody has received anything.

    Attributes:
        recipients: All recipients.
        ways: Where they hear from us, by name; none for whom no notice reaches.
        keys: Their public keys, by name.
    """

    recipients: tuple[Recipient, ...] = ()
    ways: Mapping[str, Way] = field(default_factory=dict)
    keys: Mapping[str, ECKey | OKPKey] = field(default_factory=dict)

    def seal(self, name: str, data: bytes) -> str:
        """Seal data so that one recipient can open it, and nobody else."""
        return _sealed(data, self.keys[name])


def open_register(path: Path | None, *, officers: Collection[str]) -> FileRegister:
    """Read the register.

    Args:
        path: The file; None if there is none.
        officers: Who may decide that somebody gets no notices.

    Raises:
        InvalidRecipientsError: The file, or one it names, is missing or malformed.
    """
    if path is None:
        return FileRegister()
    try:
        text = path.read_text(encoding="utf-8")
        parsed = _File.model_validate(yaml.safe_load(text))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise InvalidRecipientsError(problem="unreadable file") from None
    except ValidationError as error:
        place = error.errors()[0]["loc"]
        raise InvalidRecipientsError(
            entry=".".join(map(str, place)) or "whole file", line=line_of(text, place)
        ) from None
    _check(parsed.recipients, officers)
    return FileRegister(
        recipients=tuple(map(_recipient, parsed.recipients)),
        ways={
            item.name: _way(item, path.parent)
            for item in parsed.recipients
            if item.no_notice is None
        },
        keys={
            item.name: _key(item.name, path.parent / item.key_file)
            for item in parsed.recipients
            if item.key_file
        },
    )


def check_sources(register: FileRegister, sources: Collection[str]) -> None:
    """Refuse a register that names sources which the data map does not have.

    Raises:
        InvalidRecipientsError: The recipient and the source are named.
    """
    for item in register.recipients:
        for source in sorted(item.sources.difference(sources)):
            raise InvalidRecipientsError(recipient=item.name, unknown_source=source)


def _check(entries: Sequence[_Entry], officers: Collection[str]) -> None:
    seen: set[str] = set()
    for item in entries:
        if item.name in seen:
            raise InvalidRecipientsError(recipient=item.name, problem="named twice")
        seen.add(item.name)
        if item.no_notice and item.no_notice.officer not in officers:
            raise InvalidRecipientsError(recipient=item.name, problem="not an officer")


def _recipient(entry: _Entry) -> Recipient:
    decided = entry.no_notice
    way = "" if decided else "webhook" if entry.webhook else "email"
    return Recipient(
        name=entry.name,
        kind=entry.kind,
        sources=frozenset(entry.sources),
        base_models=frozenset(entry.base_models),
        since=entry.since,
        way=way,
        encloses=entry.encloses,
        decided=(
            Decided(settlement=decided.reason, officer=decided.officer)
            if decided
            else None
        ),
    )


def _way(entry: _Entry, folder: Path) -> Way:
    if entry.webhook is None:
        return Way(email=entry.email or "", language=entry.language)
    try:
        raw = (folder / entry.webhook.secret_file).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise InvalidRecipientsError(
            recipient=entry.name, problem="unreadable secret"
        ) from None
    secret = SecretStr(raw.strip())
    if not is_strong(secret):
        raise InvalidRecipientsError(recipient=entry.name, problem="weak secret")
    return Way(url=entry.webhook.url, secret=secret)


def _key(name: str, path: Path) -> ECKey | OKPKey:
    """Read a public JWK on X25519 or P-256, and try it before anything is erased."""
    problem = "not a public key on X25519 or P-256 to seal with"
    try:
        key = import_key(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError, JoseError):
        raise InvalidRecipientsError(recipient=name, problem=problem) from None
    if not isinstance(key, ECKey | OKPKey) or key.is_private:
        raise InvalidRecipientsError(recipient=name, problem=problem)
    if key.as_dict(private=False).get("crv") not in CURVES:
        raise InvalidRecipientsError(recipient=name, problem=problem)
    try:
        _sealed(b"", key)
    except (ValueError, JoseError):
        raise InvalidRecipientsError(recipient=name, problem=problem) from None
    return key


def _sealed(data: bytes, key: ECKey | OKPKey) -> str:
    return jwe.encrypt_compact(dict(SEALING), data, key)
