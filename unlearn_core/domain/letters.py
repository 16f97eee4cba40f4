"""What a certificate says in plain words, in every language that has words for it.

A letter adds nothing to its certificate and leaves no limit out. It names nobody: the
certificate does not know whom it is about.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from unlearn_core.domain.certificates import ErasureCertificate
from unlearn_core.domain.exemptions import EXEMPTIONS, Kept, KeptCounts
from unlearn_core.domain.german import GERMAN
from unlearn_core.domain.grounds import ARTICLES
from unlearn_core.domain.recipients import Telling
from unlearn_core.domain.requests import Outcome
from unlearn_core.domain.wording import ENGLISH, Words

LESS_THAN_ASKED = frozenset({Outcome.PARTIAL, Outcome.FAILED})
"""Certified outcomes about which the subject may complain."""

LANGUAGES: Mapping[str, Words] = {"en": ENGLISH, "de": GERMAN}


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterText:
    """A letter before it is set.

    Attributes:
        lead: What the outcome means.
        facts: Names and values.
        sections: Headings with their sentences.
    """

    language: str
    title: str
    greeting: str
    lead: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[tuple[str, tuple[str, ...]], ...]


def letter_text(certificate: ErasureCertificate, language: str) -> LetterText:
    """Return what a letter says.

    Args:
        certificate: A genuine certificate.
        language: One of `LANGUAGES`.
    """
    words = LANGUAGES[language]
    scope = certificate.scope

    def day(moment: date) -> str:
        return moment.strftime(words.day)

    facts = [
        (words.request, certificate.request_id),
        (words.received, day(certificate.received_at)),
        (words.issued, day(certificate.issued_at)),
    ]
    if certificate.ground is not None:
        article = ARTICLES[certificate.ground]
        facts.append((words.ground, f"{words.grounds[certificate.ground]} ({article})"))
    if scope is not None:
        facts.append((words.effective, day(scope.effective_at)))
        facts.append((words.valid_until, day(certificate.expires_at)))
    sections = [
        (words.records, _records(certificate, words)),
        (words.recipients, _recipients(certificate, words)),
        (words.checks, _checks(certificate, words)),
        (words.remedies_title, _remedies(certificate, words)),
        (words.limits_title, words.limits),
        (words.verify_title, (words.verify,)),
    ]
    return LetterText(
        language=language,
        title=words.title,
        greeting=words.greeting,
        lead=words.outcomes[certificate.outcome],
        facts=tuple(facts),
        sections=tuple((title, lines) for title, lines in sections if lines),
    )


def _records(certificate: ErasureCertificate, words: Words) -> tuple[str, ...]:
    lines = [
        (words.redacted_line if "redacted" in counts else words.record_line).format(
            source=source, **counts
        )
        for source, counts in sorted(certificate.sources.items())
    ]
    if certificate.unsearched_sources:
        names = ", ".join(certificate.unsearched_sources)
        lines.append(words.unsearched.format(sources=names))
    return (*lines, *kept_lines(certificate.kept, words))


def kept_lines(kept: KeptCounts, words: Words) -> tuple[str, ...]:
    """Say which records stay, how many, and on which ground.

    Args:
        kept: Source to code to number of records.
        words: The language.
    """
    return tuple(
        words.kept_line.format(source=source, count=count, why=_why(Kept(code), words))
        for source, counts in sorted(kept.items())
        for code, count in sorted(counts.items())
    )


def _why(code: Kept, words: Words) -> str:
    article = EXEMPTIONS.get(code)
    return f"{words.kept[code]} ({article})" if article else words.kept[code]


def _recipients(certificate: ErasureCertificate, words: Words) -> tuple[str, ...]:
    """Say how many were told, and that the list can be asked for (Art. 19)."""
    if not certificate.recipients:
        return ()
    lines = [
        words.tellings[Telling(name)].format(count=count)
        for name, count in sorted(certificate.recipients.items())
    ]
    return (*lines, words.recipients_list)


def _remedies(certificate: ErasureCertificate, words: Words) -> tuple[str, ...]:
    """Say how to complain about less than was asked for (Art. 12(4) GDPR)."""
    return words.remedies if certificate.outcome in LESS_THAN_ASKED else ()


def _checks(certificate: ErasureCertificate, words: Words) -> tuple[str, ...]:
    """Count the conditions that applied; the certificate holds each of them."""
    verdict = certificate.verdict or {}
    decisions = verdict.get("decisions")
    if not isinstance(decisions, list):
        return ()
    applied = [item for item in decisions if item["applies"]]
    passed = sum(1 for item in applied if item["passed"])
    return (words.checks_line.format(passed=passed, count=len(applied)),)
