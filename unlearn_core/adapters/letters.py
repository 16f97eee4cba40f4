"""Sets letters: HTML from a template, PDF with fpdf2. Both hold the same text."""

from pathlib import Path

from fpdf import FPDF
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from unlearn_core.domain.certificates import ErasureCertificate
from unlearn_core.domain.letters import LANGUAGES, LetterText, letter_text
from unlearn_core.ports import Letter

PAGES = Path(__file__).parent / "pages"
FONT = "Helvetica"  # one of the fonts that every reader has; Latin letters only
MARGIN = 25.0  # millimetres
NAMES_WIDTH = 75.0  # millimetres

_TEMPLATES = Environment(
    loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined
)


class SetLetters:
    """`LetterWriter` with one template for all languages."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the languages that letters are written in."""
        return tuple(LANGUAGES)

    def write(self, certificate: ErasureCertificate, *, language: str) -> Letter:
        """Return the letter about a certificate."""
        text = letter_text(certificate, language)
        page = _TEMPLATES.get_template("letter.html").render(text=text)
        pdf = _set(text, certificate)
        return Letter(html=page.encode(), pdf=pdf)


def _set(text: LetterText, certificate: ErasureCertificate) -> bytes:
    """Set a letter on A4."""
    pdf = FPDF(format="A4")
    pdf.set_creation_date(certificate.issued_at)
    pdf.set_title(text.title)
    pdf.set_lang(text.language)
    pdf.set_margins(MARGIN, MARGIN, MARGIN)
    pdf.set_auto_page_break(auto=True, margin=MARGIN)
    pdf.add_page()
    _write(pdf, text.title, style="B", size=18)
    _write(pdf, text.greeting)
    _write(pdf, text.lead, style="B", size=12)
    for name, value in text.facts:
        pdf.set_font(FONT, size=10)
        pdf.cell(NAMES_WIDTH, 6, _plain(name))
        pdf.multi_cell(0, 6, _plain(value), new_x="LMARGIN", new_y="NEXT")
    for title, lines in text.sections:
        pdf.ln(3)
        _write(pdf, title, style="B", size=11)
        for line in lines:
            _write(pdf, line, size=10)
    return bytes(pdf.output())


def _write(pdf: FPDF, text: str, *, style: str = "", size: int = 11) -> None:
    pdf.set_font(FONT, style=style, size=size)
    pdf.multi_cell(0, size * 0.5, _plain(text), new_x="LMARGIN", new_y="NEXT")
    pdf.ln(2)


def _plain(text: str) -> str:
    """Return a text in the letters that the font has; others become question marks."""
    return text.encode("cp1252", errors="replace").decode("cp1252")
