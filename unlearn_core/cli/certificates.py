"""``unlearn certificate``: fetch, read and verify; and how it stands today."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from unlearn_core.cli.output import AsJson, show
from unlearn_core.cli.wiring import envelope_opener, office
from unlearn_core.domain.certificates import (
    PAYLOAD_TYPE,
    certificate_name,
    check_certificate,
)
from unlearn_core.domain.requests import RequestId
from unlearn_core.errors import CertificateInvalidError, UnknownRequestError

app = typer.Typer(help="Erasure certificates.", no_args_is_help=True)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="The certificate file.")],
    trust: Annotated[Path, typer.Option(help="File with the trusted public keys.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Check a certificate offline; needs the file and the public keys only."""
    try:
        data = file.read_bytes()
    except OSError:
        raise CertificateInvalidError(check=1, problem="unreadable file") from None
    opener = envelope_opener(trust)
    certificate = check_certificate(
        data, open_envelope=lambda raw: opener.open(raw, payload_type=PAYLOAD_TYPE)
    )
    scope = certificate.scope
    show(
        {
            "genuine": True,
            "status": certificate.status(datetime.now(UTC)).value,
            "request_id": certificate.request_id,
            "outcome": certificate.outcome.value,
            "issued_at": certificate.issued_at.isoformat(timespec="seconds"),
            "expires_at": certificate.expires_at.isoformat(timespec="seconds"),
            "version": scope.version if scope else None,
            "replicas": list(scope.replicas) if scope else [],
            "best_effort": list(scope.best_effort) if scope else [],
            "cut_off": list(scope.cut_off) if scope else [],
            "unheard": list(scope.unheard) if scope else [],
            "ledger_head": certificate.ledger_head,
        },
        as_json=as_json,
    )


@app.command()
def fetch(
    request_id: Annotated[UUID, typer.Argument(help="The request id.")],
    file: Annotated[
        Path | None, typer.Option(help="Where to write; standard output if not given.")
    ] = None,
) -> None:
    """Fetch the certificate of a request."""
    stored = office().evidence.get(certificate_name(RequestId(request_id)))
    if stored is None:
        raise UnknownRequestError(request_id=request_id)
    if file is None:
        sys.stdout.buffer.write(stored)
    else:
        file.write_bytes(stored)


@app.command()
def status(
    request_id: Annotated[UUID, typer.Argument(help="The request id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Say whether a certificate is valid, expired or failed today, and why."""
    standing = office().certificates.standing(RequestId(request_id))
    if standing is None:
        raise UnknownRequestError(request_id=request_id, missing="certificate")
    show(
        {
            "status": standing.status.value,
            "why": standing.reason.value,
            "verified_at": standing.verified_at.isoformat(timespec="seconds"),
            "valid_until": standing.valid_until.isoformat(timespec="seconds"),
            "reverifications": standing.reverifications,
            "failed_gates": list(standing.failed_gates),
            "kept": standing.material.value if standing.material else None,
        },
        as_json=as_json,
    )
