from unlearn_core.domain.decisions import REFUSALS, RefusalReason
from unlearn_core.domain.exemptions import EXEMPTIONS, Kept
from unlearn_core.domain.reviews import EXEMPTS


def test_the_grounds_are_the_letters_of_the_law_in_order() -> None:
    assert list(EXEMPTIONS.values()) == [
        f"Art. 17(3)({letter}) GDPR" for letter in "abcde"
    ]
    assert list(EXEMPTIONS) == list(Kept)[:5]


def test_a_record_is_exempt_on_the_grounds_on_which_a_request_is_refused() -> None:
    for code, article in EXEMPTIONS.items():
        assert article in REFUSALS[RefusalReason(code)]
    assert {reason.value for reason in EXEMPTS} == set(EXEMPTIONS)
