"""From settings to a workbench, for the worker process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version

from unlearn_core.adapters.artifact_key import artifact_key
from unlearn_core.adapters.batched_engine import BatchedEngine
from unlearn_core.adapters.connectors.data_map import open_data_map
from unlearn_core.adapters.envelopes import EnvelopeSigner, TrustedEnvelopes
from unlearn_core.adapters.identity_policies import (
    AuthenticatedChannelPolicy,
    EmailCodePolicy,
    ManualPolicy,
    SignedTokenPolicy,
    load_public_key,
)
from unlearn_core.adapters.mlflow_registry import (
    MlflowArtifactRegistry,
    MlflowRunTracker,
)
from unlearn_core.adapters.recipients import check_sources
from unlearn_core.adapters.remote_base import CompletionsService
from unlearn_core.adapters.sealing import PairSeal
from unlearn_core.adapters.serving_fleet import HttpServingFleet
from unlearn_core.cluster_wiring import on_cluster
from unlearn_core.domain.leases import Lease
from unlearn_core.domain.requests import (
    WAITS_FOR_A_PERSON,
    Channel,
    RequestId,
    Stage,
)
from unlearn_core.domain.stage_limits import limits
from unlearn_core.errors import SettingsError
from unlearn_core.evidence_settings import GuardSettings
from unlearn_core.metrics import GUARDED
from unlearn_core.observability import configure_logging
from unlearn_core.ports import IdentityPolicy, LeaseStore, Ledger
from unlearn_core.remote_settings import TeacherSettings
from unlearn_core.restriction_wiring import restriction_keeper
from unlearn_core.settings import (
    KeySettings,
    Settings,
    load_settings,
)
from unlearn_core.shielding import shield
from unlearn_core.steps.expire_working_data import ExpiryDesk
from unlearn_core.steps.publish_checkpoint import CheckpointDesk
from unlearn_core.steps.publish_restrictions import RestrictionKeeper
from unlearn_core.steps.renew_pointer import PointerKeeper
from unlearn_core.steps.watch_deadlines import DeadlineWatch
from unlearn_core.steps.workbench import ModelShelf, Terms, Workbench
from unlearn_core.training.recipe import load_ladder
from unlearn_core.verification.policy import load_policy
from unlearn_core.verification.public_questions import PublicQuestions
from unlearn_core.wiring import Office, open_office


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """One worker process: everything that does not depend on the request."""

    office: Office

    @property
    def leases(self) -> LeaseStore:
        """Return the leases."""
        return self.office.leases

    @property
    def ledger(self) -> Ledger:
        """Return the ledger."""
        return self.office.store

    @property
    def lease_time(self) -> timedelta:
        """Return how long a silent worker keeps its lease."""
        return timedelta(seconds=self.office.settings.work.lease_seconds)

    def bench(self, request_id: RequestId, lease: Lease) -> Workbench:
        """Lay out the workbench for one request.

        Raises:
            UnlearnError: A policy, a data map or a key is missing or invalid, or the
                policy has gates on guards and there is no folder of their files.
        """
        bench = self._bench(self.office.store.get(request_id).base_model, lease)
        asks_guards = any(gate.metric in GUARDED for gate in bench.policy.gates)
        if asks_guards and bench.public is None:
            raise SettingsError(variable="UNLEARN_GUARDS__FOLDER")
        return bench

    def bench_for_certificates(self, lease: Lease) -> Workbench:
        """Lay out one workbench for all certificates of the configured base model.

        Raises:
            UnlearnError: A policy, a data map or a key is missing or invalid.
        """
        return self._bench(self.office.settings.model.name, lease)

    def _bench(self, base_model: str, lease: Lease) -> Workbench:
        office, settings = self.office, self.office.settings
        data_map = open_data_map(settings.data_map)
        check_sources(office.register, data_map.sources)
        return Workbench(
            lease=lease,
            teacher=_teacher(settings.teacher),
            public=_public(settings.guards),
            terms=_terms(settings, base_model),
            policy=load_policy(settings.acceptance_policy),
            ladder=load_ladder(settings.recipe),
            data_map=data_map.declared,
            models=ModelShelf(
                base=settings.model.base,
                reference=settings.model.reference,
                device=settings.model.device,
                precision=settings.model.precision,
                offload=settings.model.offload,
            ),
            pseudonymiser=office.keys.pseudonymiser(),
            sources=on_cluster(data_map.sources, settings, through=BatchedEngine),
            holdout=data_map.holdout,
            requests=office.store,
            ledger=office.store,
            leases=office.leases,
            custody=office.custody,
            evidence=office.evidence,
            registry=MlflowArtifactRegistry(settings.mlflow_uri),
            runs=MlflowRunTracker(settings.mlflow_uri),
            signer=EnvelopeSigner(office.keys.signer()),
            envelopes=TrustedEnvelopes(office.keys.trusted()),
            sealer=PairSeal(_artifact_key(settings.keys)),
            fleet=HttpServingFleet(settings.replicas),
            notifier=office.notifier,
            outbox=office.notifier,
            register=office.register,
            identity=_identity(settings),
            clock=office.clock,
            trusted=frozenset(map(Channel, settings.identity.trusted)),
        )

    def expiry(self, *, holder: str) -> ExpiryDesk:
        """Return what looking after working data of open requests needs.

        Raises:
            SettingsError: Days are set for a stage in which nobody is waited for.
        """
        kept = self.office.settings.retention
        if not WAITS_FOR_A_PERSON.issuperset(kept.stage_days):
            raise SettingsError(variable="UNLEARN_RETENTION__STAGE_DAYS")
        return ExpiryDesk(
            holder=holder,
            limits=limits(
                told_days=kept.working_told_days,
                days=kept.working_days,
                stage_days={
                    Stage(name): kept.stage_days[name] for name in kept.stage_days
                },
            ),
            requests=self.office.store,
            ledger=self.office.store,
            leases=self.leases,
            custody=self.office.custody,
            clock=self.office.clock,
        )

    def deadlines(self, *, holder: str) -> DeadlineWatch:
        """Return what watching the deadlines needs."""
        return self.office.deadlines(holder=holder)

    def checkpoints(self, *, holder: str) -> CheckpointDesk:
        """Return what publishing checkpoints needs."""
        return self.office.checkpoints(holder=holder)

    def restrictions(self, *, holder: str) -> RestrictionKeeper:
        """Return what keeping the list of restrictions needs."""
        return restriction_keeper(self.office, holder=holder)

    def keeper(self, *, holder: str) -> PointerKeeper:
        """Return what renewing the serving pointer needs."""
        office, settings = self.office, self.office.settings
        return PointerKeeper(
            base_model=settings.model.name,
            validity=timedelta(hours=settings.work.pointer_hours),
            holder=holder,
            requests=office.store,
            ledger=office.store,
            registry=MlflowArtifactRegistry(settings.mlflow_uri),
            leases=office.leases,
            signer=EnvelopeSigner(office.keys.signer()),
            envelopes=TrustedEnvelopes(office.keys.trusted()),
            clock=office.clock,
        )


@contextmanager
def open_station() -> Iterator[Station]:
    """Open the worker's station from the settings."""
    configure_logging()
    shield()
    quieten_libraries()
    office = open_office(load_settings())
    try:
        yield Station(office=office)
    finally:
        office.database.close()


def quieten_libraries() -> None:
    """Keep libraries from the network, from telemetry and from endless retries."""
    for name, value in {
        "HF_HUB_OFFLINE": "1",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
    }.items():
        os.environ.setdefault(name, value)


def _terms(settings: Settings, base_model: str) -> Terms:
    return Terms(
        base_model=base_model,
        code_version=version("unlearn"),
        certificate_validity=timedelta(days=settings.legal.certificate_days),
        pointer_validity=timedelta(hours=settings.work.pointer_hours),
        needs_approval=settings.legal.approval,
        cooling_off=timedelta(hours=settings.legal.cooling_off_hours),
        brief_laws=settings.model.brief_laws,
        restricts_at_once=settings.restriction.at_once,
        confirm_timeout=timedelta(seconds=settings.work.confirm_seconds),
    )


def _teacher(settings: TeacherSettings) -> CompletionsService | None:
    if settings.url is None:
        return None
    return CompletionsService(
        settings.url, model=settings.name, key=settings.api_key, told=settings.tokens
    )


def _public(settings: GuardSettings) -> PublicQuestions | None:
    if settings.folder is None:
        return None
    return PublicQuestions(folder=settings.folder, items=settings.items)


def _identity(settings: Settings) -> IdentityPolicy:
    """Return the identity policy.

    Raises:
        KeyMissingError: The public key of the token issuer is missing.
        SettingsError: Codes should be sent, and there is no mail server.
    """
    chosen = settings.identity
    if chosen.policy == EmailCodePolicy.NAME and settings.mail.host is None:
        raise SettingsError(variable="UNLEARN_MAIL__HOST")
    match chosen.policy:
        case AuthenticatedChannelPolicy.NAME:
            return AuthenticatedChannelPolicy()
        case EmailCodePolicy.NAME:
            return EmailCodePolicy()
        case ManualPolicy.NAME:
            return ManualPolicy()
    return SignedTokenPolicy(
        issuer=chosen.issuer, public_key=load_public_key(chosen.public_key)
    )


def _artifact_key(keys: KeySettings) -> bytes:
    return artifact_key(
        keys.directory, kms_key=keys.kms_key, endpoint_url=keys.kms_endpoint_url
    )
