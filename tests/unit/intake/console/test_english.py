from unlearn_core.intake.console.english import ENGLISH


def test_english_speaks_of_no_clients_tickets_or_deletion() -> None:
    """Words that the glossary rules out."""
    said = " ".join(ENGLISH.values()).lower()
    assert [
        word for word in ("client", "ticket", "deleted", "user") if word in said
    ] == []
