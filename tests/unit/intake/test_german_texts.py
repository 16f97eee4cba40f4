from unlearn_core.intake.german_texts import GERMAN
from unlearn_core.intake.texts import ENGLISH


def test_no_english_word_was_left_in_german() -> None:
    same = {key for key, text in GERMAN.page.items() if text == ENGLISH.page[key]}
    assert same == {"code"}
    for name in (
        "headlines",
        "explanations",
        "problems",
        "refusals",
        "form_problems",
        "gate",
    ):
        english, german = getattr(ENGLISH, name), getattr(GERMAN, name)
        assert not [key for key in english if english[key] == german[key]], name
