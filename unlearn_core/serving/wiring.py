"""From settings to an inference service, for the replica's process."""

import os

import torch
from pydantic import SecretStr

from unlearn_core.adapters.artifact_key import artifact_key
from unlearn_core.adapters.clock import SystemClock
from unlearn_core.adapters.envelopes import TrustedEnvelopes
from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.adapters.mlflow_registry import MlflowArtifactRegistry
from unlearn_core.adapters.sealing import ListSeal, PairSeal
from unlearn_core.adapters.upstream import UpstreamCompletions
from unlearn_core.modeling.weights import (
    PRECISIONS,
    choose_device,
    load_language_model,
    load_tokenizer,
    tokenizer_digests,
)
from unlearn_core.serving.admission import Admission
from unlearn_core.serving.app import InferenceService
from unlearn_core.serving.bases import LocalBase, RemoteBase, ServedBase
from unlearn_core.serving.batch import Decoding
from unlearn_core.serving.engine import Engine
from unlearn_core.serving.fingerprints import read_fingerprint
from unlearn_core.serving.metrics import Meter
from unlearn_core.serving.pace import Speculation
from unlearn_core.serving.slot import Slot
from unlearn_core.serving.upstream import CheckedUpstream
from unlearn_core.serving.watcher import Sources, Watcher
from unlearn_core.settings import KeySettings, Settings

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
    base = _base(settings)
    slot: Slot = Slot(
        base.bare(),
        requires_offset=serving.requires_offset or base.is_best_effort,
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
        maximum_logprobs=serving.maximum_logprobs,
    )


def _base(settings: Settings) -> ServedBase:
    """Load the base, or get to know the one that is elsewhere.

    Raises:
        UnlearnError: Something is missing or does not fit together.
    """
    model, upstream = settings.model, settings.upstream
    device = choose_device(model.device)
    if upstream.url is None:
        dtype = PRECISIONS[model.precision]
        return LocalBase(load_language_model(model.base, device=device, dtype=dtype))
    fingerprint = read_fingerprint(model.base)
    fingerprint.check_tokenizer(*tokenizer_digests(model.base))
    source = UpstreamCompletions(
        upstream.url,
        model=upstream.name,
        key=upstream.api_key,
        tokens=upstream.tokens,
        timeout_seconds=upstream.timeout_seconds,
    )
    ask = CheckedUpstream(
        source,
        fingerprint=fingerprint,
        check_seconds=upstream.check_seconds,
        tolerance_nats=upstream.tolerance_nats,
    )
    return RemoteBase(
        ask,
        fingerprint=fingerprint,
        tokenizer=load_tokenizer(model.base),
        largest_excluded=upstream.largest_excluded,
        device=device,
        close=source.close,
    )


def _secret(value: SecretStr | None) -> bytes | None:
    return None if value is None else value.get_secret_value().encode()


def _watcher(
    slot: Slot, base: ServedBase, *, settings: Settings, meter: Meter
) -> Watcher:
    """Build what looks for new versions.

    Raises:
        UnlearnError: A key is missing.
    """
    keys, serving = KeyDirectory(settings.keys.directory), settings.serving
    key = _artifact_key(settings.keys)
    return Watcher(
        slot,
        replica=serving.replica,
        host=base,
        sources=Sources(
            base_model=settings.model.name,
            registry=MlflowArtifactRegistry(settings.mlflow_uri),
            opener=TrustedEnvelopes(keys.trusted()),
            sealer=PairSeal(key),
            lists=ListSeal(key),
        ),
        cache=serving.cache,
        poll_seconds=serving.poll_seconds,
        meter=meter,
    )


def _artifact_key(keys: KeySettings) -> bytes:
    return artifact_key(
        keys.directory, kms_key=keys.kms_key, endpoint_url=keys.kms_endpoint_url
    )
