"""Which language somebody reads, and its words."""

from collections.abc import Mapping

from fastapi import Request, Response

from unlearn_core.intake.console.english import ENGLISH
from unlearn_core.intake.console.german import GERMAN

LANGUAGES: Mapping[str, Mapping[str, str]] = {"en": ENGLISH, "de": GERMAN}
COOKIE = "__Host-unlearn-language"
PARAMETER = "language"
COOKIE_SECONDS = 365 * 24 * 3600


def language_of(request: Request) -> str:
    """Return what was chosen, else what the browser prefers, else English."""
    for chosen in (request.query_params.get(PARAMETER), request.cookies.get(COOKIE)):
        if chosen in LANGUAGES:
            return str(chosen)
    accepted = request.headers.get("accept-language", "")
    preferred = (part.split(";")[0].strip()[:2].lower() for part in accepted.split(","))
    return next((code for code in preferred if code in LANGUAGES), "en")


def keep_choice(request: Request, answer: Response) -> Response:
    """Keep a language that was just chosen."""
    if request.query_params.get(PARAMETER) in LANGUAGES:
        answer.set_cookie(
            COOKIE,
            language_of(request),
            max_age=COOKIE_SECONDS,
            secure=True,
            httponly=True,
            samesite="lax",
        )
    return answer
