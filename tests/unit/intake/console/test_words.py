import re
from string import Formatter

import pytest
from fastapi import Request, Response

from unlearn_core.domain.access import Role
from unlearn_core.domain.decisions import Verb
from unlearn_core.domain.requests import Stage
from unlearn_core.intake.console.words import (
    COOKIE,
    LANGUAGES,
    keep_choice,
    language_of,
)
from unlearn_core.intake.rendering import PAGES


def asking(query: str = "", cookie: str = "", accept: str = "") -> Request:
    headers = [(b"cookie", f"{COOKIE}={cookie}".encode())] if cookie else []
    headers.append((b"accept-language", accept.encode()))
    return Request({"type": "http", "query_string": query.encode(), "headers": headers})


def holes(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_language_says_everything_with_the_same_holes() -> None:
    english, german = LANGUAGES["en"], LANGUAGES["de"]
    assert english.keys() == german.keys()
    for key, text in english.items():
        assert holes(text) == holes(german[key]), key
        assert text.strip(), key
        assert german[key].strip(), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_stage_decision_and_role_has_a_word(language: str) -> None:
    words = LANGUAGES[language]
    needed = [
        *(f"stage_{stage.value}" for stage in Stage),
        *(f"verb_{verb.value}" for verb in Verb),
        *(f"role_{role.value}" for role in Role),
    ]
    assert [name for name in needed if name not in words] == []


def test_every_word_that_a_page_names_exists() -> None:
    named = {
        word
        for path in PAGES.glob("console_*.html")
        for word in re.findall(r"\bt\.(\w+)", path.read_text())
    }
    assert named <= LANGUAGES["en"].keys()


@pytest.mark.parametrize(
    ("query", "cookie", "accept", "language"),
    [
        ("", "", "", "en"),
        ("", "", "de-AT,de;q=0.9,en;q=0.5", "de"),
        ("", "", "fr, en-GB;q=0.8, de;q=0.5", "en"),
        ("", "", "fr", "en"),
        ("", "de", "en", "de"),
        ("language=en", "de", "de", "en"),
        ("language=xx", "xx", "de", "de"),
    ],
)
def test_a_choice_counts_before_what_the_browser_prefers(
    query: str, cookie: str, accept: str, language: str
) -> None:
    assert language_of(asking(query, cookie, accept)) == language


@pytest.mark.parametrize(
    ("query", "kept"), [("language=de", "de"), ("", None), ("language=xx", None)]
)
def test_only_a_choice_is_kept(query: str, kept: str | None) -> None:
    answer = keep_choice(asking(query, "de"), Response())
    line = answer.headers.get("set-cookie", "")
    assert (f"{COOKIE}={kept};" in line) is (kept is not None)
    assert bool(line) is (kept is not None)
