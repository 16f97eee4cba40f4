from dataclasses import fields
from string import Formatter

import pytest

from unlearn_core.domain.deadlines import ExtensionReason
from unlearn_core.domain.decisions import RefusalReason
from unlearn_core.domain.grounds import Ground
from unlearn_core.domain.requests import Outcome, RequestStatus, Stage
from unlearn_core.domain.standing import Reason
from unlearn_core.domain.subjects import IdentifierKind
from unlearn_core.intake.languages import TEXTS
from unlearn_core.intake.texts import ENGLISH, FIELDS, Texts


@pytest.fixture(params=TEXTS)
def texts(request: pytest.FixtureRequest) -> Texts:
    return TEXTS[request.param]


def test_there_are_words_for_everything_that_a_subject_can_see(texts: Texts) -> None:
    seen = {*Outcome, RequestStatus.OPEN, RequestStatus.IN_PROGRESS}
    seen |= {Stage.ON_HOLD, Stage.PROOF_AWAITED, Stage.COOLING_OFF}
    assert seen <= set(texts.headlines)
    assert set(texts.explanations) == set(texts.headlines)
    assert set(texts.certificates) == set(Reason)
    assert set(texts.extensions) == set(ExtensionReason)
    assert set(texts.refusals) == set(RefusalReason)
    assert set(texts.grounds) == set(Ground)


def test_every_kind_of_identifier_has_a_field_and_a_word_of_help(texts: Texts) -> None:
    assert {field.name for field in FIELDS} == set(IdentifierKind)
    assert set(texts.labels) == set(IdentifierKind)
    assert set(IdentifierKind) <= set(texts.problems)


def test_nothing_says_deleted() -> None:
    said = [*ENGLISH.headlines.values(), *ENGLISH.explanations.values()]
    assert "deleted" not in " ".join(said)


def holes(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_language_says_everything_with_the_same_holes(texts: Texts) -> None:
    for field in fields(Texts):
        english, said = getattr(ENGLISH, field.name), getattr(texts, field.name)
        if isinstance(english, str):
            assert said, field.name
            continue
        assert set(said) == set(english), field.name
        for key in english:
            assert holes(said[key]) == holes(english[key]), key
            assert said[key].strip(), key


def test_remedies_name_the_authority_that_is_configured(texts: Texts) -> None:
    complaint, court = texts.remedies("the Authority of Ulm")
    assert complaint.startswith(texts.complaint)
    assert "the Authority of Ulm" in complaint
    assert court == texts.judicial_remedy
    assert texts.remedies(None) == (texts.complaint, texts.judicial_remedy)
