"""A register of recipients on disk, with the keys that only they have."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from joserfc import jwe
from joserfc.jwk import OKPKey

from unlearn_core.adapters.recipients import FileRegister, open_register

OFFICERS = ("Olga Officer", "Otto Officer")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of the public example
SINCE = "2026-01-05"

SEARCH: dict[str, Any] = {
    "name": "acme-search",
    "kind": "processor",
    "since": SINCE,
    "sources": ["customers"],
    "email": "privacy@acme.example",
    "language": "de",
    "encloses": "records",
    "key_file": "acme.pub.json",
}
TENANT: dict[str, Any] = {
    "name": "bolt",
    "kind": "tenant",
    "since": SINCE,
    "sources": ["customers", "support"],
    "webhook": {"url": "https://bolt.example/hook", "secret_file": "bolt.secret"},
}
DOWNLOADS: dict[str, Any] = {
    "name": "downloads",
    "kind": "weights",
    "since": SINCE,
    "base_models": ["small-world"],
    "no_notice": {"reason": "impossible", "officer": OFFICERS[0]},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where recipients are registered.

    Attributes:
        folder: Where the files are.
        key: The private key of the first one, which only they have.
    """

    folder: Path
    key: OKPKey

    @property
    def file(self) -> Path:
        """Return the register."""
        return self.folder / "recipients.yaml"

    def register(self, *entries: dict[str, Any]) -> FileRegister:
        """Write the entries and read them as a process does."""
        text = yaml.safe_dump({"version": 1, "recipients": list(entries)})
        self.file.write_text(text)
        return open_register(self.file, officers=OFFICERS)

    def open(self, sealed: str) -> bytes:
        """Open what was sealed for the first one."""
        plain = jwe.decrypt_compact(sealed, self.key).plaintext
        assert plain is not None
        return plain


def open_desk(folder: Path) -> Desk:
    """Make a key and a secret in a folder."""
    key = OKPKey.generate_key("X25519")
    (folder / "acme.pub.json").write_text(json.dumps(key.as_dict(private=False)))
    (folder / "bolt.secret").write_text(SECRET + "\n")
    return Desk(folder=folder, key=key)
