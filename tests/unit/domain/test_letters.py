from dataclasses import replace

import pytest
from support.verdicts import certificate

from unlearn_core.domain.certificates import LIMITS
from unlearn_core.domain.exemptions import EXEMPTIONS, Kept
from unlearn_core.domain.grounds import ARTICLES, Ground
from unlearn_core.domain.letters import LANGUAGES, letter_text
from unlearn_core.domain.requests import Outcome
from unlearn_core.domain.wording import ENGLISH

CERTIFIED = (
    Outcome.SUPPRESSED_AT_OUTPUT,
    Outcome.ERASED_AT_SOURCE,
    Outcome.PARTIAL,
    Outcome.NOT_FOUND,
    Outcome.FAILED,
)


def test_an_english_letter_says_what_the_certificate_says() -> None:
    text = letter_text(certificate(), "en")
    assert text.lead == ENGLISH.outcomes[Outcome.SUPPRESSED_AT_OUTPUT]
    assert text.facts == (
        ("Request", "00000000-0000-0000-0000-000000000001"),
        ("Received", "02 March 2026"),
        ("Issued", "02 March 2026"),
        ("In effect since", "02 March 2026"),
        ("Checked results are vouched for until", "31 May 2026"),
    )
    assert dict(text.sections)["Records, by source"] == (
        "customers: 2 found, 2 erased",
    )
    assert dict(text.sections)["Checks"] == (
        "1 of 1 conditions that were fixed beforehand were met.",
    )


def test_a_german_letter_is_german() -> None:
    text = letter_text(certificate(), "de")
    assert text.title == "Ihr Antrag auf Löschung"
    assert ("Eingegangen", "02.03.2026") in text.facts


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_limit_is_left_out(language: str) -> None:
    words = LANGUAGES[language]
    text = letter_text(certificate(), language)
    assert dict(text.sections)[words.limits_title] == words.limits
    assert len(words.limits) == len(LIMITS)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("outcome", CERTIFIED)
def test_every_outcome_that_is_certified_has_words(
    outcome: Outcome, language: str
) -> None:
    letter = letter_text(replace(certificate(), outcome=outcome), language)
    assert letter.lead.endswith(".")


def test_what_was_not_searched_is_named_and_nothing_is_said_of_checks_without_any() -> (
    None
):
    partial = replace(
        certificate(),
        outcome=Outcome.PARTIAL,
        unsearched_sources=("mail", "tickets"),
        verdict=None,
        scope=None,
    )
    text = letter_text(partial, "en")
    assert dict(text.sections)["Records, by source"][-1] == (
        "Not searched completely, or not to be erased: mail, tickets"
    )
    assert "Checks" not in dict(text.sections)
    assert "In effect since" not in dict(text.facts)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", Kept)
def test_what_stays_is_counted_with_its_ground_beside_the_remedies(
    code: Kept, language: str
) -> None:
    words = LANGUAGES[language]
    partial = replace(
        certificate(), outcome=Outcome.PARTIAL, kept={"tickets": {code.value: 12}}
    )
    sections = dict(letter_text(partial, language).sections)
    said = sections[words.records][-1]
    assert said.startswith("tickets: 12 ")
    assert words.kept[code] in said
    assert ("Art. 17(3)" in said) == (code in EXEMPTIONS)
    assert EXEMPTIONS.get(code, "") in said
    assert sections[words.remedies_title] == words.remedies


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("ground", Ground)
def test_the_ground_is_named_with_its_article(ground: Ground, language: str) -> None:
    words = LANGUAGES[language]
    text = letter_text(replace(certificate(), ground=ground), language)
    said = dict(text.facts)[words.ground]
    assert said == f"{words.grounds[ground]} ({ARTICLES[ground]})"
    assert words.ground not in dict(letter_text(certificate(), language).facts)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("outcome", CERTIFIED)
def test_whoever_got_less_than_was_asked_for_reads_how_to_complain(
    outcome: Outcome, language: str
) -> None:
    words = LANGUAGES[language]
    text = letter_text(replace(certificate(), outcome=outcome), language)
    said = dict(text.sections).get(words.remedies_title, ())
    assert said == (words.remedies if outcome in {"partial", "failed"} else ())
    assert ["Art. 77" in words.remedies[0], "Art. 79" in words.remedies[1]] == [
        True
    ] * 2
