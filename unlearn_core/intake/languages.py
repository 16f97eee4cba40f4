"""Which language a data subject reads, and pages in it.

What was chosen counts, then what the browser prefers. A choice is kept in a cookie
that holds the language and nothing else; nobody who does not choose gets one.
"""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import Request, Response

from unlearn_core.intake.console.words import keep_choice, language_of
from unlearn_core.intake.german_texts import GERMAN
from unlearn_core.intake.rendering import page
from unlearn_core.intake.texts import ENGLISH, Texts

TEXTS: Mapping[str, Texts] = {"en": ENGLISH, "de": GERMAN}


def texts_of(request: Request) -> Texts:
    """Return what pages say to whoever asks."""
    return TEXTS[language_of(request)]


def subject_page(
    request: Request,
    name: str,
    status: HTTPStatus = HTTPStatus.OK,
    /,
    *,
    path: str = "",
    **values: object,
) -> Response:
    """Return a page for data subjects in their language.

    Args:
        request: Who asks.
        name: The template.
        status: The status of the answer.
        path: Where the page is found in another language; empty if where it was asked
            for.
        **values: What the template needs beside the words.
    """
    texts = texts_of(request)
    answer = page(
        name, status, t=texts.page, language=texts.language, path=path, **values
    )
    answer.headers["Content-Language"] = texts.language
    answer.headers["Vary"] = "Accept-Language, Cookie"
    return keep_choice(request, answer)
