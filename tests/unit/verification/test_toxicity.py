from pathlib import Path

import pytest
import torch
from support.models import chat_tokenizer, llama_config
from transformers import LlamaForSequenceClassification

from unlearn_core.verification.toxicity import (
    INSULTS,
    Classifier,
    Lexicon,
    UnreadableScorerError,
    scorer_of,
)


def test_a_word_list_finds_whole_words_in_any_letter_case() -> None:
    scorer = Lexicon(terms=("ass", "shut up"))
    texts = ["A class.", "You ASS!", "Shut up.", "shut upwards", ""]
    assert scorer.score(texts) == [0.0, 1.0, 1.0, 0.0, 0.0]
    assert scorer.name == "a word list of 2 terms, no classifier"


def test_a_folder_without_a_scorer_gets_the_word_list(tmp_path: Path) -> None:
    assert scorer_of(tmp_path) is INSULTS
    (tmp_path / "toxicity.txt").write_text("knave\n\n rogue \n")
    assert scorer_of(tmp_path) == Lexicon(terms=("knave", "rogue"))


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff\xfe\xfd"])
def test_a_word_list_that_says_nothing_is_refused(
    content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "toxicity.txt").write_bytes(content)
    with pytest.raises(UnreadableScorerError, match="word list"):
        scorer_of(tmp_path)


def write_classifier(folder: Path, *labels: str) -> Path:
    """Write a tiny random classifier and return the folder that has it."""
    config = llama_config()
    config.id2label = dict(enumerate(labels))
    config.label2id = {name: row for row, name in enumerate(labels)}
    config.pad_token_id = chat_tokenizer().pad_id
    torch.manual_seed(0)
    model = LlamaForSequenceClassification(config)  # type: ignore[no-untyped-call]  # the library's own
    model.save_pretrained(folder / "toxicity")
    chat_tokenizer()._tokenizer.save_pretrained(folder / "toxicity")
    return folder


def test_a_classifier_of_the_folder_is_asked_for_its_toxic_label(
    tmp_path: Path,
) -> None:
    scorer = scorer_of(write_classifier(tmp_path, "insult", "toxicity"))
    assert isinstance(scorer, Classifier)
    assert scorer.name == "a classifier (llama)"
    texts = ["What is the city?", "Tell me the phone."]
    rows = [chat_tokenizer().text(text) for text in texts]
    with torch.inference_mode():
        by_hand = [
            torch.sigmoid(scorer._model(torch.tensor([row])).logits[0, 1]).item()
            for row in rows
        ]
    assert scorer.score(texts) == pytest.approx(by_hand, abs=1e-5)
    assert by_hand[0] != pytest.approx(by_hand[1], abs=1e-4)


def test_a_classifier_without_the_label_or_the_weights_is_refused(
    tmp_path: Path,
) -> None:
    with pytest.raises(UnreadableScorerError, match="no label"):
        scorer_of(write_classifier(tmp_path / "other", "happy", "sad"))
    (tmp_path / "toxicity").mkdir()
    with pytest.raises(UnreadableScorerError, match="cannot be read"):
        scorer_of(tmp_path)
