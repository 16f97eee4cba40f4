"""What the demo looks at and attacks with: the same adapters as the services."""

from dataclasses import dataclass

from unlearn_core.adapters.envelopes import EnvelopeSigner, TrustedEnvelopes
from unlearn_core.adapters.identity_policies import issue_token
from unlearn_core.adapters.mlflow_registry import (
    MlflowArtifactRegistry,
    MlflowRunTracker,
)
from unlearn_core.ports import (
    ArtifactRegistry,
    EnvelopeOpener,
    EvidenceStore,
    Ledger,
    RunTracker,
    Signer,
)
from unlearn_core.settings import Settings
from unlearn_core.wiring import open_office

__all__ = ["DemoTools", "issue_token", "open_tools"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoTools:
    """Ledger, registry and keys of an installation."""

    base_model: str
    ledger: Ledger
    evidence: EvidenceStore
    registry: ArtifactRegistry
    runs: RunTracker
    signer: Signer
    opener: EnvelopeOpener


def open_tools(settings: Settings) -> DemoTools:
    """Open ledger, registry and keys."""
    office = open_office(settings)
    return DemoTools(
        base_model=settings.model.name,
        ledger=office.store,
        evidence=office.evidence,
        registry=MlflowArtifactRegistry(settings.mlflow_uri),
        runs=MlflowRunTracker(settings.mlflow_uri),
        signer=EnvelopeSigner(office.keys.signer()),
        opener=TrustedEnvelopes(office.keys.trusted()),
    )
