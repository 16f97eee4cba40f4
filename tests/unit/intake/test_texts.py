from unlearn_core.domain.deadlines import ExtensionReason
from unlearn_core.domain.requests import Outcome, RequestStatus, Stage
from unlearn_core.domain.standing import Reason
from unlearn_core.domain.subjects import IdentifierKind
from unlearn_core.intake.texts import (
    CERTIFICATES,
    EXPLANATIONS,
    EXTENSIONS,
    FIELDS,
    HEADLINES,
    PROBLEMS,
)


def test_there_are_words_for_everything_that_a_subject_can_see() -> None:
    seen = {*Outcome, RequestStatus.OPEN, RequestStatus.IN_PROGRESS}
    seen |= {Stage.ON_HOLD, Stage.PROOF_AWAITED, Stage.COOLING_OFF}
    assert seen <= set(HEADLINES)
    assert set(EXPLANATIONS) == set(HEADLINES)
    assert set(CERTIFICATES) == set(Reason)
    assert set(EXTENSIONS) == set(ExtensionReason)


def test_every_kind_of_identifier_has_a_field_and_a_word_of_help() -> None:
    assert {field.name for field in FIELDS} == set(IdentifierKind)
    assert set(IdentifierKind) <= set(PROBLEMS)


def test_nothing_says_deleted() -> None:
    assert "deleted" not in " ".join([*HEADLINES.values(), *EXPLANATIONS.values()])
