"""What a certificate says, as a letter that people read."""

from dataclasses import dataclass
from typing import Protocol

from unlearn_core.domain.certificates import ErasureCertificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter in two forms with the same text.

    Attributes:
        html: One page that loads nothing.
        pdf: The same to print and to keep.
    """

    html: bytes
    pdf: bytes


class LetterWriter(Protocol):
    """Writes letters; nothing in them names the person."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the languages that letters are written in, as ISO 639 codes."""
        ...

    def write(self, certificate: ErasureCertificate, *, language: str) -> Letter:
        """Return the letter about a certificate; the same bytes every time."""
        ...
