from unlearn_core.intake.console.english import ENGLISH
from unlearn_core.intake.console.german import GERMAN


def test_nothing_was_left_untranslated() -> None:
    same = {key for key, text in GERMAN.items() if text == ENGLISH[key]}
    assert same == set()


def test_people_are_addressed_formally() -> None:
    said = " ".join(GERMAN.values()).split()
    assert [word for word in ("du", "dein", "dir") if word in said] == []
