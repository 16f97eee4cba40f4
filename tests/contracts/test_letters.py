"""Letters are set in two forms with the same text, and the same every time."""

import re
import zlib
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from support.verdicts import certificate

from unlearn_core import ports
from unlearn_core.adapters.letters import SetLetters
from unlearn_core.domain.letters import letter_text

LETTERS: ports.LetterWriter = SetLetters()


class Page(HTMLParser):
    """Collects the text and the addresses of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str] = []
        self.language: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep addresses and the language."""
        named = dict(attrs)
        if tag == "html":
            self.language = named.get("lang")
        self.links += [
            str(named[name]) for name in ("src", "href", "action") if name in named
        ]

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.text += data


def page(html: bytes) -> Page:
    read = Page()
    read.feed(html.decode())
    return read


def words_of(pdf: bytes) -> str:
    """Return the text of a letter, as it stands in the page's own stream."""
    streams = re.findall(rb"stream\n(.*?)\nendstream", pdf, re.DOTALL)
    content = b"".join(
        zlib.decompress(stream) for stream in streams if stream[:1] == b"x"
    )
    shown = re.findall(rb"\((.*?)(?<!\\)\) Tj", content, re.DOTALL)
    return b" ".join(shown).decode("cp1252").replace("\\", "")


@pytest.mark.parametrize("language", LETTERS.languages)
def test_both_forms_say_everything(language: str) -> None:
    letter = LETTERS.write(certificate(), language=language)
    text = letter_text(certificate(), language)
    html, pdf = page(letter.html), words_of(letter.pdf)
    assert html.language == language
    sentences = [text.title, text.greeting, text.lead]
    sentences += [part for pair in text.facts for part in pair]
    sentences += [line for title, lines in text.sections for line in (title, *lines)]
    for sentence in sentences:
        assert sentence in html.text
        # Lines of a PDF are broken where they end.
        assert sentence.replace(" ", "") in pdf.replace(" ", "")


def test_a_page_loads_nothing() -> None:
    letter = LETTERS.write(certificate(), language="en")
    assert page(letter.html).links == []
    assert b"<script" not in letter.html
    assert b"@import" not in letter.html


def test_the_same_certificate_gives_the_same_bytes() -> None:
    first = LETTERS.write(certificate(), language="de")
    assert LETTERS.write(certificate(), language="de") == first
    assert first.pdf.startswith(b"%PDF-")


def test_names_from_the_configuration_are_text_and_never_markup() -> None:
    odd = replace(certificate(), sources={"<b>x</b>": {"found": 1, "erased": 0}})
    assert b"<b>x</b>" not in LETTERS.write(odd, language="en").html


def test_a_letter_that_the_font_lacks_becomes_a_question_mark() -> None:
    odd = replace(certificate(), sources={"\u6570": {"found": 1, "erased": 0}})
    assert "?: 1 found" in words_of(LETTERS.write(odd, language="en").pdf)
