"""From settings to an inference service, for the replica's process."""

import os

import torch
from pydantic import SecretStr

from unlearn_core.adapters.clock import SystemClock
from unlearn_core.adapters.envelopes import TrustedEnvelopes
from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.adapters.mlflow_registry import MlflowArtifactRegistry
from unlearn_core.adapters.sealing import PairSeal
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.weights import (
    PRECISIONS,
    LanguageModel,
    choose_device,
    load_language_model,
)
from unlearn_core.serving.admission import Admission
from unlearn_core.serving.app import InferenceService
from unlearn_core.serving.batch import Decoding
from unlearn_core.serving.engine import Engine
from unlearn_core.serving.host import BaseHost
from unlearn_core.serving.metrics import Meter
from unlearn_core.serving.pace import Speculation
from unlearn_core.serving.slot import Slot
from unlearn_core.serving.watcher import Sources, Watcher
from unlearn_core.settings import Settings

# What libraries read from the environment: no download, and no long wait for MLflow.
_LIBRARIES = {
    "HF_HUB_OFFLINE": "1",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def build_service(settings: Settings) -> InferenceService:
    """Build the service; nothing is started yet.

    Raises:
        UnlearnError: A model or a key is missing.
    """
    for name, value in _LIBRARIES.items():
        os.environ.setdefault(name, value)
    serving = settings.serving
    if serving.threads:
        torch.set_num_threads(serving.threads)
    base = load_language_model(
        settings.model.base,
        device=choose_device(settings.model.device),
        dtype=PRECISIONS[settings.model.precision],
    )
    slot: Slot = Slot(
        PlainLaw(base.model),
        requires_offset=serving.requires_offset,
        clock=SystemClock(),
        drain_seconds=serving.swap_drain_seconds,
    )
    meter = Meter()
    return InferenceService(
        replica=serving.replica,
        base_model=settings.model.name,
        base=base,
        slot=slot,
        engine=Engine(
            maximum_waiting=serving.maximum_waiting,
            decoding=Decoding(
                speculation=Speculation(serving.speculation),
                shares_prefixes=serving.shares_prefixes,
            ),
            meter=meter,
        ),
        restarts=serving.swap_restarts,
        webhook_secret=_secret(serving.webhook_secret),
        admission=Admission(
            api_keys=serving.api_keys,
            requests_per_minute=serving.requests_per_minute,
        ),
        watcher=_watcher(slot, base, settings=settings, meter=meter),
    )


def _secret(value: SecretStr | None) -> bytes | None:
    return None if value is None else value.get_secret_value().encode()


def _watcher(
    slot: Slot, base: LanguageModel, *, settings: Settings, meter: Meter
) -> Watcher:
    """Build what looks for new versions.

    Raises:
        UnlearnError: A key is missing.
    """
    keys, serving = KeyDirectory(settings.keys.directory), settings.serving
    return Watcher(
        slot,
        host=BaseHost(base),
        base_model=settings.model.name,
        sources=Sources(
            registry=MlflowArtifactRegistry(settings.mlflow_uri),
            opener=TrustedEnvelopes(keys.trusted()),
            sealer=PairSeal(keys.artifact_key()),
        ),
        cache=serving.cache,
        poll_seconds=serving.poll_seconds,
        meter=meter,
    )
