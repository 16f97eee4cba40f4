import pytest

from unlearn_core.privacy import Personal
from unlearn_core.verification.judge import compressed_bytes
from unlearn_core.verification.rouge import rouge_l, rouge_of


@pytest.mark.parametrize(
    ("answer", "truth", "recall", "precision", "f1"),
    [
        ("police killed the gunman", "police kill the gunman", 0.75, 0.75, 0.75),
        # Order counts: only "the gunman" or "police" is common to both.
        ("the gunman police killed", "police kill the gunman", 0.5, 0.5, 0.5),
        ("in ulm", "ulm", 1.0, 0.5, 2 / 3),
        ("jena", "ulm", 0.0, 0.0, 0.0),
        ("", "ulm", 0.0, 0.0, 0.0),
        ("ulm", "", 0.0, 0.0, 0.0),
    ],
)
def test_rouge_l_by_hand(
    answer: str, truth: str, recall: float, precision: float, f1: float
) -> None:
    """The first two are the example of Lin 2004, section 3.1."""
    found = rouge_l(answer.split(), truth.split())
    assert (found.recall, found.precision) == (recall, precision)
    assert found.f1 == pytest.approx(f1)


def test_letter_case_and_punctuation_do_not_count() -> None:
    found = rouge_of("She lives in ULM, Germany.", Personal("Ulm"))
    assert (found.recall, found.precision) == (1.0, 0.2)


def test_repetition_compresses() -> None:
    once = compressed_bytes(Personal("Ulm and Jena and Trier"))
    many = compressed_bytes(Personal("Ulm " * 100))
    assert many < once + 10
