"""From settings to who restricts, and who tells replicas."""

from datetime import timedelta
from pathlib import Path

from unlearn_core.adapters.artifact_key import artifact_key
from unlearn_core.adapters.envelopes import EnvelopeSigner, TrustedEnvelopes
from unlearn_core.adapters.sealing import ListSeal
from unlearn_core.adapters.serving_fleet import HttpServingFleet
from unlearn_core.errors import SettingsError
from unlearn_core.steps.publish_restrictions import RestrictionKeeper
from unlearn_core.steps.restrict_request import RestrictionDesk
from unlearn_core.wiring import Office


def restriction_desk(office: Office) -> RestrictionDesk:
    """Return what restricting needs."""
    return RestrictionDesk(
        officers=office.settings.legal.officers,
        requests=office.store,
        ledger=office.store,
        custody=office.custody,
        notifier=office.notifier,
    )


def restriction_keeper(office: Office, *, holder: str) -> RestrictionKeeper:
    """Return what keeping the list of restrictions needs.

    Raises:
        KeyMissingError: The private key, or that of replicas, is not here.
        SettingsError: The names of the cover cannot be read.
    """
    # It takes a second to import, and most installations restrict nothing.
    from unlearn_core.adapters.mlflow_registry import (  # noqa: PLC0415 - see above
        MlflowArtifactRegistry,
    )

    settings = office.settings
    key = artifact_key(
        settings.keys.directory,
        kms_key=settings.keys.kms_key,
        endpoint_url=settings.keys.kms_endpoint_url,
    )
    return RestrictionKeeper(
        base_model=settings.model.name,
        validity=timedelta(hours=settings.work.pointer_hours),
        holder=holder,
        cover=_names(settings.restriction.cover),
        registry=MlflowArtifactRegistry(settings.mlflow_uri),
        leases=office.leases,
        requests=office.store,
        ledger=office.store,
        custody=office.custody,
        fleet=HttpServingFleet(settings.replicas),
        signer=EnvelopeSigner(office.keys.signer()),
        envelopes=TrustedEnvelopes(office.keys.trusted()),
        lists=ListSeal(key),
        clock=office.clock,
    )


def _names(path: Path | None) -> tuple[str, ...]:
    """Return the lines of a file."""
    if path is None:
        return ()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        raise SettingsError(variable="UNLEARN_RESTRICTION__COVER") from None
    return tuple(line for line in map(str.strip, lines) if line)
