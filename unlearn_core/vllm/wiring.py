"""From settings and an engine's model to what its processor needs."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from unlearn_core.adapters.artifact_key import artifact_key
from unlearn_core.adapters.clock import SystemClock
from unlearn_core.adapters.envelopes import TrustedEnvelopes
from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.adapters.mlflow_registry import MlflowArtifactRegistry
from unlearn_core.adapters.sealing import ListSeal, PairSeal
from unlearn_core.domain.artifacts import ModelIdentity
from unlearn_core.errors import ModelUnavailableError
from unlearn_core.modeling.bundles import OpenedBundle
from unlearn_core.modeling.weights import identity_of, load_tokenizer
from unlearn_core.serving.slot import Slot
from unlearn_core.serving.watcher import Sources, Watcher
from unlearn_core.settings import KeySettings, Settings
from unlearn_core.vllm.caretaker import Caretaker
from unlearn_core.vllm.offsets import Offsets, PairOffset, pair_offset

# No long wait for MLflow: a step of the engine may wait for the same lock.
_LIBRARIES = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineModel:
    """The base model as an engine runs it.

    Attributes:
        directory: Where it was loaded from.
        vocabulary_size: Rows of its vocabulary, padding included.
        context: Tokens of the longest text.
        device: Where it samples.
        end_ids: Tokens that end an answer, by its configuration.
    """

    directory: Path
    vocabulary_size: int
    context: int
    device: torch.device
    end_ids: Sequence[int]


class EngineHost:
    """A base model of somebody else's engine, of which only the files are known.

    Args:
        model: The model.
        tokens: Size of its tokenizer; rows behind it stand for no token.
        identity: Digests of its files.
    """

    def __init__(
        self, model: EngineModel, *, tokens: int, identity: ModelIdentity
    ) -> None:
        self._context = model.context
        self.identity = identity
        self.vocabulary_size = min(tokens, model.vocabulary_size)
        self.device = model.device

    def prepare(self, bundle: OpenedBundle) -> PairOffset:
        """Return the offset of a bundle, after trying it; see `pair_offset`."""
        return pair_offset(bundle, context=self._context)


def build_caretaker(
    settings: Settings, model: EngineModel, *, folder: Path
) -> Caretaker:
    """Build what a processor needs; nothing is started yet.

    Args:
        settings: The settings.
        model: The engine's base model.
        folder: Where the engine's processes meet.

    Raises:
        UnlearnError: A file of the model or a key is missing.
    """
    for name, value in _LIBRARIES.items():
        os.environ.setdefault(name, value)
    tokenizer = load_tokenizer(model.directory)
    host = EngineHost(
        model, tokens=tokenizer.size, identity=identity_of(model.directory)
    )
    if not model.end_ids:
        raise ModelUnavailableError(missing="end token")
    serving = settings.serving
    slot = Slot(
        PairOffset(
            new_rows=None,
            alpha=0.0,
            vocabulary_size=host.vocabulary_size,
            device=host.device,
        ),
        requires_offset=serving.requires_offset,
        clock=SystemClock(),
        drain_seconds=serving.swap_drain_seconds,
        can_guard=False,  # a processor never sees the text that is handed out
    )
    serving.cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Caretaker(
        replica=serving.replica,
        slot=slot,
        watcher=Watcher(
            slot,
            replica=serving.replica,
            host=host,
            sources=_sources(settings),
            cache=serving.cache,
            poll_seconds=serving.poll_seconds,
        ),
        offsets=Offsets(slot, end_ids=model.end_ids),
        folder=folder,
        poll_seconds=serving.poll_seconds,
    )


def _sources(settings: Settings) -> Sources:
    keys = KeyDirectory(settings.keys.directory)
    key = _artifact_key(settings.keys)
    return Sources(
        base_model=settings.model.name,
        registry=MlflowArtifactRegistry(settings.mlflow_uri),
        opener=TrustedEnvelopes(keys.trusted()),
        sealer=PairSeal(key),
        lists=ListSeal(key),
    )


def _artifact_key(keys: KeySettings) -> bytes:
    return artifact_key(
        keys.directory, kms_key=keys.kms_key, endpoint_url=keys.kms_endpoint_url
    )
