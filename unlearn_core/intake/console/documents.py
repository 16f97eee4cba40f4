"""Report, certificate and letter of a request, and the bundle that proves it all."""

from collections.abc import Mapping
from uuid import UUID

from fastapi import FastAPI, Request, Response

from unlearn_core.domain.canonical import Digest
from unlearn_core.domain.certificates import certificate_name
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.errors import UnknownRequestError
from unlearn_core.intake.console.desk import ConsoleDesk
from unlearn_core.intake.console.words import language_of
from unlearn_core.intake.rendering import HEADERS
from unlearn_core.verification.page import draw_page
from unlearn_core.verification.report import read_report, report_name

FRAMED: Mapping[str, str] = {
    **HEADERS,
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
}
"""A document brings its own style, runs nothing, and is a stranger to the console."""

_DECIDED = frozenset({Stage.UNLEARNING_VERIFIED, Stage.UNLEARNING_REJECTED})


def add_documents(app: FastAPI, desk: ConsoleDesk) -> None:
    """Add the documents of a request."""

    @app.get("/console/requests/{request_id}/report", include_in_schema=False)
    def report(request_id: UUID) -> Response:
        """Show the latest verification report."""
        digest = None
        for entry in desk.decisions.ledger.entries(RequestId(request_id)):
            if entry.event in _DECIDED and not entry.is_erased:
                digest = Digest(str(entry.payload["report"]))
        kept = desk.evidence.get(report_name(digest)) if digest else None
        if digest is None or kept is None:
            raise UnknownRequestError(request_id=request_id, missing="report")
        text = draw_page(read_report(kept, expected=digest))
        return Response(text, media_type="text/html", headers=dict(FRAMED))

    @app.get("/console/requests/{request_id}/certificate", include_in_schema=False)
    def certificate(request_id: UUID) -> Response:
        """Give the signed certificate away."""
        name = f"certificate-{request_id}.json"
        return _file(_kept(request_id, desk), "application/json", name)

    @app.get("/console/requests/{request_id}/letter", include_in_schema=False)
    def letter(request: Request, request_id: UUID) -> Response:
        """Give the letter about a genuine certificate away."""
        genuine = desk.open_certificate(_kept(request_id, desk))
        written = desk.letters.write(genuine, language=language_of(request))
        return _file(written.pdf, "application/pdf", f"letter-{request_id}.pdf")

    @app.post("/console/requests/{request_id}/bundle", include_in_schema=False)
    def bundle(request_id: UUID) -> Response:
        """Sign a checkpoint and give a bundle away that verifies offline."""
        packed = desk.export_bundle(RequestId(request_id))
        return _file(packed, "application/zip", f"audit-{request_id}.zip")


def _kept(request_id: UUID, desk: ConsoleDesk) -> bytes:
    kept = desk.evidence.get(certificate_name(RequestId(request_id)))
    if kept is None:
        raise UnknownRequestError(request_id=request_id, missing="certificate")
    return kept


def _file(data: bytes, media_type: str, name: str) -> Response:
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type=media_type, headers={**HEADERS, **disposition})
