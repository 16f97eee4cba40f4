"""From settings to what the commands use."""

import os
import socket
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit
from uuid import uuid4

from joserfc.jwk import OKPKey

from unlearn_core.adapters import artifact_key, rotation
from unlearn_core.adapters.connectors import CONNECTORS
from unlearn_core.adapters.connectors.data_map import open_data_map
from unlearn_core.adapters.connectors.file_sources import FilesConnector
from unlearn_core.adapters.connectors.screening import Fingerprints, Screen
from unlearn_core.adapters.connectors.sql import SqlConnector
from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.envelopes import EnvelopeSigner, TrustedEnvelopes
from unlearn_core.adapters.identity_policies import issue_token
from unlearn_core.adapters.keys import KeyDirectory, load_trusted
from unlearn_core.adapters.notes import TrustedNotes
from unlearn_core.adapters.recipients import (
    FileRegister,
    check_sources,
    open_register,
)
from unlearn_core.adapters.rotation import RotationRefusedError, SigningKeys
from unlearn_core.adapters.sealing import PairSeal
from unlearn_core.cli.guards import Guarded, ask_guards
from unlearn_core.domain.audit_bundle import BUNDLE_TYPE, Openers
from unlearn_core.domain.certificates import PAYLOAD_TYPE, check_certificate
from unlearn_core.domain.processing import Installation
from unlearn_core.domain.requests import RequestId
from unlearn_core.domain.retention import Terms, table
from unlearn_core.domain.sources import SearchResult
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import InvalidDataMapError, OffsetRequiredError
from unlearn_core.ports import EnvelopeOpener, SourceConnector
from unlearn_core.privacy import Personal
from unlearn_core.restriction_wiring import restriction_desk, restriction_keeper
from unlearn_core.sender_wiring import allowed_callbacks
from unlearn_core.settings import Settings, load_settings
from unlearn_core.steps.cut_off_replica import FleetDesk
from unlearn_core.steps.lineage import SERVING
from unlearn_core.steps.preview_erasure import PreviewDesk
from unlearn_core.steps.publish_restrictions import keep_restrictions
from unlearn_core.steps.renew_pointer import PointerKeeper, renew_pointer
from unlearn_core.steps.restrict_request import RestrictionDesk
from unlearn_core.verification.public_questions import PublicQuestions
from unlearn_core.wiring import Office, open_office

TOKEN_SECONDS = 24 * 3600


@cache
def office() -> Office:
    """Open database, keys and stores once per command."""
    return open_office(load_settings())


def envelope_opener(trust: Path) -> EnvelopeOpener:
    """Return the checker of envelopes for a file of public keys."""
    return TrustedEnvelopes(load_trusted(trust))


def bundle_openers(trust: Path) -> Openers:
    """Return what checks an audit bundle with a file of public keys."""
    keys = load_trusted(trust)
    envelopes, notes = TrustedEnvelopes(keys), TrustedNotes(keys)
    return Openers(
        bundle=lambda raw: envelopes.open(raw, payload_type=BUNDLE_TYPE),
        certificate=lambda raw: check_certificate(
            raw,
            open_envelope=lambda data: envelopes.open(data, payload_type=PAYLOAD_TYPE),
        ),
        checkpoint=notes.open,
    )


def key_directory() -> KeyDirectory:
    """Return the key directory of the settings."""
    return KeyDirectory(load_settings().keys.directory)


def signing_keys() -> SigningKeys:
    """Return the signing keys of the settings."""
    return SigningKeys(key_directory())


def wrap_artifact_key() -> None:
    """Let the key service of the settings wrap the key of offset pairs.

    Raises:
        UnlearnError: The settings name none, or it does not answer.
    """
    keys = load_settings().keys
    artifact_key.wrap_artifact_key(
        keys.directory, kms_key=keys.kms_key, endpoint_url=keys.kms_endpoint_url
    )


def rotate_kek() -> tuple[str, str, int]:
    """Wrap every data key with a new key; say which, and how many.

    Raises:
        RotationRefusedError: The key is in a service that rotates it by itself.
    """
    if load_settings().keys.kms_key:
        raise RotationRefusedError(problem="the service rotates its key itself")
    return rotation.rotate_kek(key_directory(), office().custody)


def rotate_pseudonyms() -> tuple[str, str]:
    """Make commitments with a new key from now on; say which."""
    return rotation.rotate_pseudonyms(key_directory())


def database() -> Database:
    """Return the database of the settings."""
    return Database(load_settings().database_url.get_secret_value())


def fleet_desk() -> FleetDesk:
    """Return what looking after replicas needs."""
    return office().fleet


def tell_replicas() -> bool:
    """Sign the serving pointer again if it names others cut off than the ledger.

    Returns:
        Whether it was; a worker that makes a version does it itself.

    Raises:
        UnlearnError: The private key is not here, or the registry does not answer.
    """
    # It takes a second to import, and no other command needs it.
    from unlearn_core.adapters.mlflow_registry import (  # noqa: PLC0415 - see above
        MlflowArtifactRegistry,
    )

    desk = office()
    return renew_pointer(
        PointerKeeper(
            base_model=desk.settings.model.name,
            validity=timedelta(hours=desk.settings.work.pointer_hours),
            holder=f"{socket.gethostname()}-{os.getpid()}",
            requests=desk.store,
            ledger=desk.store,
            registry=MlflowArtifactRegistry(desk.settings.mlflow_uri),
            leases=desk.leases,
            signer=EnvelopeSigner(desk.keys.signer()),
            envelopes=TrustedEnvelopes(desk.keys.trusted()),
            clock=desk.clock,
        )
    )


def restrictions() -> RestrictionDesk:
    """Return what restricting needs."""
    return restriction_desk(office())


def tell_restrictions() -> bool:
    """Publish the list of restrictions; tell whether all that is in it is in force.

    Raises:
        UnlearnError: A private key is not here, or the registry does not answer.
    """
    return keep_restrictions(
        restriction_keeper(office(), holder=f"{socket.gethostname()}-{os.getpid()}")
    )


def guard_results(
    public: PublicQuestions, *, bundle: Path | None, confidence: float
) -> Guarded:
    """Put public questions to the base alone and to a version of the offset.

    Args:
        public: What is asked.
        bundle: Folder of the version; none fetches the one that is to be served.
        confidence: Level of the intervals.

    Raises:
        RegistryUnavailableError: The registry does not answer.
        OffsetRequiredError: No version is to be served.
        IntegrityError: The version fails a check.
    """
    keys, settings = key_directory(), load_settings()
    with TemporaryDirectory() as folder:
        if bundle is None:
            _fetch_served(Path(folder), settings)
        return ask_guards(
            public,
            bundle=bundle or Path(folder),
            model=settings.model,
            opener=TrustedEnvelopes(keys.trusted()),
            sealer=PairSeal(
                artifact_key.artifact_key(
                    settings.keys.directory,
                    kms_key=settings.keys.kms_key,
                    endpoint_url=settings.keys.kms_endpoint_url,
                )
            ),
            confidence=confidence,
        )


def _fetch_served(folder: Path, settings: Settings) -> None:
    # It takes a second to import, and hardly any other command needs it.
    from unlearn_core.adapters.mlflow_registry import (  # noqa: PLC0415 - see above
        MlflowArtifactRegistry,
    )

    registry = MlflowArtifactRegistry(settings.mlflow_uri)
    version = registry.alias(settings.model.name, SERVING)
    if version is None:
        raise OffsetRequiredError(base_model=settings.model.name)
    registry.download(settings.model.name, version, folder)


def data_map_sources(
    path: Path | None,
) -> tuple[tuple[SourceConnector, ...], SourceConnector]:
    """Return the sources of a data map, that of the settings if none is given."""
    opened = open_data_map(path or load_settings().data_map)
    return tuple(opened.sources.values()), opened.holdout


def preview_desk() -> PreviewDesk:
    """Return what a preview of an erasure needs."""
    opened = open_data_map(office().settings.data_map)
    return PreviewDesk(custody=office().custody, sources=opened.sources)


def screened_source(
    name: str,
    people: Mapping[RequestId, Collection[str]],
    *,
    location: str | None,
    data_map: Path | None,
) -> tuple[SourceConnector, tuple[SearchResult, ...]]:
    """Compare a source of a data map, or another place like it, with erased people.

    Returns:
        The source, and a result per request.

    Raises:
        InvalidDataMapError: There is no such source, or its kind cannot be screened.
    """
    spec = open_data_map(data_map or load_settings().data_map).specs.get(name)
    if spec is None:
        raise InvalidDataMapError(source=name, problem="not in the data map")
    spec = replace(spec, location=location or spec.location)
    connector = CONNECTORS.get(spec.kind)(spec)
    if not isinstance(connector, FilesConnector | SqlConnector):
        raise InvalidDataMapError(source=name, unknown_kind=spec.kind)
    key = key_directory().pseudonymiser()
    prints = Fingerprints(
        list(people.values()), {each.key_id: each for each in key.all}
    )
    return connector, connector.screen(Screen(prints, len(people), spec))


def checked_register() -> FileRegister:
    """Return the register of recipients.

    Raises:
        InvalidRecipientsError: It is malformed, or names a source that there is not.
    """
    settings = load_settings()
    register = open_register(settings.recipients, officers=settings.legal.officers)
    check_sources(register, open_data_map(settings.data_map).sources)
    return register


def described_installation() -> Installation:
    """Describe what the settings and the data map make of this installation.

    Raises:
        InvalidDataMapError: The data map cannot be read.
    """
    settings = load_settings()
    opened = open_data_map(settings.data_map)
    specs = opened.specs.values()
    return Installation(
        controller=settings.legal.controller,
        officer=settings.legal.protection_officer,
        base_model=settings.model.name,
        sources={spec.name: spec.kind for spec in specs},
        identifiers=sorted({kind.value for spec in specs for kind in spec.identifiers}),
        fields=sorted(opened.declared.fields),
        recipients=_recipients(settings),
        received=_received(checked_register()),
        periods=table(Terms(**settings.retention.terms())),
    )


def _received(register: FileRegister) -> dict[str, str]:
    """Return who has what from us, and whether they are told of erasures."""
    return {
        item.name: "; ".join(
            (
                item.kind.value,
                *sorted(item.sources),
                *(f"weights of {name}" for name in sorted(item.base_models)),
                f"since {item.since}",
                "told of erasures"
                if item.decided is None
                else "not told of erasures: "
                f"{item.decided.settlement} ({item.decided.officer})",
            )
        )
        for item in register.recipients
    }


def _recipients(settings: Settings) -> dict[str, str]:
    """Return who is told or given what, by address without what may be secret in it."""
    given: list[tuple[str | None, str]] = [
        (settings.mlflow_uri, "sealed offset pairs, figures of verification"),
        (settings.teacher.url, "texts about data subjects, to be trained on"),
        (settings.upstream.url, "questions of users"),
        *(
            (url, "sealed offset pairs, questions of users")
            for url in settings.replicas
        ),
        *((url, "request id, message, due date") for url in settings.webhooks.urls),
        *(
            (at, "signed sizes and roots of the ledger")
            for at in settings.audit.keepers
        ),
        (settings.mail.host, "messages to data subjects"),
        *(
            (root, "status of the requests that came from there")
            for root in allowed_callbacks(settings)
        ),
    ]
    if settings.objects.location.startswith("s3://"):
        given.append((settings.objects.location, "sealed working data, certificates"))
    if settings.keys.kms_key:
        given.append(("AWS KMS", "wrapped data keys, request ids"))
    told: dict[str, list[str]] = {}
    for address, what in given:
        if address:
            told.setdefault(_without_secrets(address), []).append(what)
    return {at: "; ".join(dict.fromkeys(what)) for at, what in told.items()}


def _without_secrets(address: str) -> str:
    """Return scheme and host of an address; anything else as it is.

    Passwords stand before the host, and webhooks have their secrets in the path.
    """
    parts = urlsplit(address)
    if parts.hostname is None:
        return address
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}"


def identity_token(subject: DataSubject, *, private_key: OKPKey) -> Personal[str]:
    """Issue a token as the local installation's identity provider would."""
    return issue_token(
        subject,
        issuer=load_settings().identity.issuer,
        private_key=private_key,
        token_id=str(uuid4()),
        issued_at=int(time.time()),
        valid_seconds=TOKEN_SECONDS,
    )
