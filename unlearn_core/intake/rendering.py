"""How every page is answered: from a template, with headers that forbid the rest."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from fastapi import Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

PAGES = Path(__file__).parent / "pages"
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Browsers heed it over TLS only (RFC 6797, 8.1).
    "Strict-Transport-Security": "max-age=31536000",
}

TEMPLATES = Environment(
    loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined
)


def page(
    name: str, status: HTTPStatus = HTTPStatus.OK, /, **values: object
) -> Response:
    """Return a page."""
    return Response(
        TEMPLATES.get_template(name).render(values),
        status_code=status,
        media_type="text/html",
        headers=dict(HEADERS),
    )


def lead_to(location: str) -> Response:
    """Send a browser elsewhere after a form."""
    headers = {**HEADERS, "Location": location}
    return Response(status_code=HTTPStatus.SEE_OTHER, headers=headers)
