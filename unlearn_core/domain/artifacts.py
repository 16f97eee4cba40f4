"""The manifest of an offset pair: what it is, what it fits, what it covers.

- It binds the pair to digests of everything that was there when it was verified:
  base weights, tokenizer, chat template, reference, recipe, policy, code.
- `erasures` lists every erasure in effect. A later version contains an earlier
  one's list (`check_builds_on`), so moving forward never forgets an erasure.
- It is signed; nothing in it concerns a person.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from unlearn_core.domain.canonical import Digest, JsonValue
from unlearn_core.errors import (
    DowngradeRefusedError,
    IncompatibleBaseError,
    LineageConflictError,
    ManifestInvalidError,
)

MANIFEST_FORMAT = "unlearn/offset-pair/v1"
REGISTERED_MODEL_PREFIX = "offset-pair."
MAXIMUM_ALPHA = 4.0

_TEXT = (str, Digest)
_OPTIONAL = ("untold", "law_error")


def registered_model_name(base_model: str) -> str:
    """Return the registry name of the offset pair of a base model."""
    return REGISTERED_MODEL_PREFIX + base_model


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIdentity:
    """Digests that say which base model, tokenizer and chat template are meant."""

    base: Digest
    tokenizer: Digest
    chat_template: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """One erasure in effect: the request and a keyed commitment to its forget set."""

    request_id: str
    forget_set: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetPairManifest:
    """Everything a service must know about an offset pair before using it.

    Attributes:
        base_model: Name of the base model.
        sequence: 1 for the first version, then one more for every version.
        previous: Digest of the manifest before, None for the first.
        identity: The base that it fits.
        reference: Digest of the frozen small model's weights.
        unlearned: Digest of the trained small model's weights.
        pair_file: Digest of the file that holds both, as stored (sealed).
        vocabulary_size: Number of logits.
        alpha: Offset strength, pinned.
        scheme: How the pair was made: ``delta``, ``divergence`` or ``assistant``.
        objective: Name of the training objective.
        recipe: Digest of the training recipe.
        policy: Digest of the acceptance policy.
        verdict: Digest of the verification report.
        code_version: Version of unlearn that made it.
        erasures: Every erasure in effect.
        created_at: Moment of creation, ISO 8601, UTC.
        untold: Largest probability, at a position that training looked at, of all
            tokens that a base elsewhere did not tell; None if the base was here.
        law_error: Largest error, in nats, of a law of the base that was kept in brief;
            None if laws were kept in full.
    """

    base_model: str
    sequence: int
    previous: Digest | None
    identity: ModelIdentity
    reference: Digest
    unlearned: Digest
    pair_file: Digest
    vocabulary_size: int
    alpha: float
    scheme: str
    objective: str
    recipe: Digest
    policy: Digest
    verdict: Digest
    code_version: str
    erasures: tuple[Erasure, ...]
    created_at: str
    untold: float | None = None
    law_error: float | None = None

    def to_json(self) -> dict[str, JsonValue]:
        """Return the manifest as a JSON object."""
        plain: dict[str, JsonValue] = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in {"identity", "erasures"}
        }
        for name in _OPTIONAL:
            if plain[name] is None:
                del plain[name]
        return plain | {
            "format": MANIFEST_FORMAT,
            "identity": {
                "base": self.identity.base,
                "tokenizer": self.identity.tokenizer,
                "chat_template": self.identity.chat_template,
            },
            "erasures": [
                {"request_id": item.request_id, "forget_set": item.forget_set}
                for item in self.erasures
            ],
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "OffsetPairManifest":
        """Read a manifest strictly: no field missing, none unknown, none implausible.

        Only ``untold`` and ``law_error`` may be missing.

        Raises:
            ManifestInvalidError: The manifest is malformed or implausible.
        """
        expected = {field.name for field in fields(cls)} | {"format"}
        expected -= {name for name in _OPTIONAL if raw.get(name) is None}
        if raw.keys() != expected or raw["format"] != MANIFEST_FORMAT:
            raise ManifestInvalidError(problem="unknown or missing field")
        try:
            values = {name: raw[name] for name in expected - {"format"}}
            values["identity"] = ModelIdentity(**raw["identity"])
            values["erasures"] = tuple(Erasure(**item) for item in raw["erasures"])
            manifest = cls(**values)
        except TypeError:
            raise ManifestInvalidError(problem="wrong type") from None
        manifest.check_plausible()
        return manifest

    def check_plausible(self) -> None:
        """Refuse values that no honest manifest holds.

        Raises:
            ManifestInvalidError: A text is none, a number is out of range or an
                erasure is listed twice.
        """
        if not all(isinstance(text, str) for text in self._texts()):
            raise ManifestInvalidError(problem="wrong type")
        if type(self.sequence) is not int or self.sequence < 1:
            raise ManifestInvalidError(problem="sequence")
        if (self.previous is None) != (self.sequence == 1):
            raise ManifestInvalidError(problem="previous")
        if not isinstance(self.alpha, float) or not 0 < self.alpha <= MAXIMUM_ALPHA:
            raise ManifestInvalidError(problem="alpha")
        if type(self.vocabulary_size) is not int or self.vocabulary_size < 1:
            raise ManifestInvalidError(problem="vocabulary_size")
        untold = 0.0 if self.untold is None else self.untold
        if not isinstance(untold, float) or not 0 <= untold <= 1:
            raise ManifestInvalidError(problem="untold")
        error = 0.0 if self.law_error is None else self.law_error
        if not isinstance(error, float) or not 0 <= error < math.inf:
            raise ManifestInvalidError(problem="law_error")
        covered = [item.request_id for item in self.erasures]
        if not covered or len(set(covered)) != len(covered):
            raise ManifestInvalidError(problem="erasures")

    def _texts(self) -> list[object]:
        """Return everything that must be text."""
        parts: list[ModelIdentity | Erasure] = [self.identity, *self.erasures]
        return [
            *(getattr(self, item.name) for item in fields(self) if item.type in _TEXT),
            *(getattr(part, item.name) for part in parts for item in fields(part)),
            *([] if self.previous is None else [self.previous]),
        ]

    def check_fits(self, identity: ModelIdentity) -> None:
        """Refuse to be used with another base, tokenizer or chat template.

        Raises:
            IncompatibleBaseError: A digest differs.
        """
        for part in ("base", "tokenizer", "chat_template"):
            if getattr(self.identity, part) != getattr(identity, part):
                raise IncompatibleBaseError(part=part)

    def check_builds_on(
        self, earlier: "OffsetPairManifest | None", *, earlier_digest: Digest | None
    ) -> None:
        """Require that this version continues the latest one.

        Raises:
            LineageConflictError: The sequence, the link or the list of erasures
                does not continue ``earlier``.
        """
        expected = earlier.sequence + 1 if earlier else 1
        if self.sequence != expected or self.previous != earlier_digest:
            raise LineageConflictError(sequence=self.sequence, expected=expected)
        before = {item.request_id for item in earlier.erasures} if earlier else set()
        if not before < {item.request_id for item in self.erasures}:
            raise LineageConflictError(problem="an erasure would be lost")

    def check_not_older_than(self, sequence: int) -> None:
        """Refuse to replace a later version.

        Raises:
            DowngradeRefusedError: This version is older than ``sequence``.
        """
        if self.sequence < sequence:
            raise DowngradeRefusedError(offered=self.sequence, minimum=sequence)
