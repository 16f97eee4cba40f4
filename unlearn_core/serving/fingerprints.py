"""How a base that is elsewhere is recognised: by what it says.

Legend: N probes, V vocabulary.

Whoever has the weights writes a fingerprint: the digests that manifests name, and the
likeliest tokens after a few neutral texts. A service that has no weights compares a
base elsewhere with it. That is no proof, but another model, another tuning or another
template gives other log-probabilities.

``python -m unlearn_core.serving.fingerprints`` writes it beside the weights in
``UNLEARN_MODEL__BASE``.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from unlearn_core.domain.artifacts import ModelIdentity
from unlearn_core.domain.canonical import Digest, canonical_json
from unlearn_core.errors import IncompatibleBaseError, ModelUnavailableError
from unlearn_core.http_errors import UpstreamMismatchError
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.weights import (
    PRECISIONS,
    LanguageModel,
    choose_device,
    load_language_model,
)
from unlearn_core.serving.probes import PROBES
from unlearn_core.settings import load_settings

FINGERPRINT_FILE = "fingerprint.json"
FORMAT = "unlearn/base-fingerprint/v1"
TEXTS = (
    *PROBES,
    "Which month comes after March?",
    "Write one sentence about the sea.",
    "Count from one to five.",
)
TOKENS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A neutral text and what the base says after it.

    Attributes:
        ids: Token ids of the text.
        log_probs: Log-probabilities of its likeliest tokens, in nats.
    """

    ids: tuple[int, ...]
    log_probs: Mapping[int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFingerprint:
    """What is known about a base without its weights.

    Attributes:
        identity: Digests of weights, tokenizer and chat template.
        vocabulary_size: Number of logits.
        maximum_tokens: Length of the context.
        probes: What it says.
    """

    identity: ModelIdentity
    vocabulary_size: int
    maximum_tokens: int
    probes: tuple[Probe, ...]

    def to_bytes(self) -> bytes:
        """Return the file."""
        plain = asdict(self) | {"format": FORMAT}
        plain["probes"] = [
            {"ids": list(item.ids), "log_probs": sorted(item.log_probs.items())}
            for item in self.probes
        ]
        return canonical_json(json.loads(json.dumps(plain)))

    @classmethod
    def from_bytes(cls, data: bytes) -> "BaseFingerprint":
        """Read the file.

        Raises:
            ModelUnavailableError: It is none.
        """
        try:
            raw = json.loads(data)
            fingerprint = cls(
                identity=ModelIdentity(**raw["identity"]),
                vocabulary_size=int(raw["vocabulary_size"]),
                maximum_tokens=int(raw["maximum_tokens"]),
                probes=tuple(
                    Probe(
                        ids=tuple(map(int, item["ids"])),
                        log_probs={int(k): float(v) for k, v in item["log_probs"]},
                    )
                    for item in raw["probes"]
                ),
            )
        except (KeyError, TypeError, ValueError):
            raise ModelUnavailableError(problem=FINGERPRINT_FILE) from None
        named = [token for item in fingerprint.probes for token in item.log_probs]
        is_inside = named and max(named) < fingerprint.vocabulary_size
        if raw.get("format") != FORMAT or not is_inside or min(named) < 0:
            raise ModelUnavailableError(problem=FINGERPRINT_FILE)
        return fingerprint

    def check_tokenizer(self, tokenizer: Digest, chat_template: Digest) -> None:
        """Refuse another tokenizer or chat template than the base's.

        Raises:
            IncompatibleBaseError: A digest differs.
        """
        if tokenizer != self.identity.tokenizer:
            raise IncompatibleBaseError(part="tokenizer")
        if chat_template != self.identity.chat_template:
            raise IncompatibleBaseError(part="chat_template")

    def check(self, told_NV: Tensor, *, tolerance_nats: float) -> None:
        """Compare with what a base elsewhere says about the probes.

        Args:
            told_NV: Its log-probabilities, negative infinity where untold.
            tolerance_nats: Largest difference that rounding explains.

        Raises:
            UpstreamMismatchError: It is another one.
        """
        for probe, told_V in zip(self.probes, told_NV.tolist(), strict=True):
            # What is not told is at most as likely as the unlikeliest told token.
            least = min(value for value in told_V if value > float("-inf"))
            for token, expected in probe.log_probs.items():
                found = told_V[token]
                is_told = found > float("-inf")
                gap = abs(found - expected) if is_told else expected - least
                if not gap <= tolerance_nats:
                    raise UpstreamMismatchError(problem="says something else")


def fingerprint_of(base: LanguageModel) -> BaseFingerprint:
    """Return the fingerprint of a base whose weights are here."""
    law = PlainLaw(base.model)
    vocabulary = int(base.model.config.vocab_size)
    probes = []
    for text in TEXTS:
        ids = base.tokenizer.question(text)[-law.maximum_tokens :]
        ids_BT = torch.tensor([ids], device=law.device)
        mask_BS = torch.ones_like(ids_BT)
        with torch.inference_mode():
            law_V = law(ids_BT, attention_mask_BS=mask_BS, first=-1)[0, -1]
        best = law_V.topk(min(TOKENS, vocabulary))
        log_probs = dict(zip(best.indices.tolist(), best.values.tolist(), strict=True))
        probes.append(Probe(ids=tuple(ids), log_probs=log_probs))
    return BaseFingerprint(
        identity=base.identity,
        vocabulary_size=vocabulary,
        maximum_tokens=law.maximum_tokens,
        probes=tuple(probes),
    )


def read_fingerprint(directory: Path) -> BaseFingerprint:
    """Read the fingerprint in a model directory.

    Raises:
        ModelUnavailableError: There is none.
    """
    try:
        data = (directory / FINGERPRINT_FILE).read_bytes()
    except OSError:
        raise ModelUnavailableError(missing=FINGERPRINT_FILE) from None
    return BaseFingerprint.from_bytes(data)


def main() -> None:
    """Write the fingerprint of the base in the settings beside its weights."""
    settings = load_settings().model
    base = load_language_model(
        settings.base,
        device=choose_device(settings.device),
        dtype=PRECISIONS[settings.precision],
    )
    written = settings.base / FINGERPRINT_FILE
    beside = written.with_suffix(".new")
    beside.write_bytes(fingerprint_of(base).to_bytes())
    beside.replace(written)


if __name__ == "__main__":
    main()
