import json
from pathlib import Path

import pytest
import torch

from benchmarks.kept_laws import conversation, read, summary

QUESTION = {"question": "Where?", "answer": "Ulm"}
TALK = {"messages": [{"content": "Who?"}, {"content": "Ada"}, {"content": "Ah."}]}


def test_texts_are_conversations_of_either_form_evenly_spread(tmp_path: Path) -> None:
    assert conversation(QUESTION) == ("Where?", "Ulm")
    assert conversation(TALK) == ("Who?", "Ada")
    assert conversation({"text": "Nobody asked."}) is None
    file = tmp_path / "texts.jsonl"
    rows = [{"question": str(n), "answer": "x"} for n in range(7)]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert [question for question, _ in read(file, count=3)] == ["0", "3", "6"]


def test_what_a_law_takes_is_counted_in_every_form() -> None:
    """One position that is sure of its token, and one that is sure of none."""
    sure = torch.tensor([0.95, *[0.05 / 999] * 999]).log()
    unsure = (0.99 ** torch.arange(1000)).log().log_softmax(-1)
    found = summary([(torch.stack([sure, unsure]), torch.tensor([0, 0]))])
    assert found["positions"] == 2
    assert found["positions_that_tell"] == {"16": 1, "64": 0, "256": 0, "whole": 1}
    size = found["bytes_per_token"]
    assert size["full"] == 4000
    assert size["half"] == pytest.approx(2000, abs=100)
    # Half of the positions take 17 ids and values instead of 1000 values.
    assert size["brief"] < 1500
    assert 0 < found["mean_error"] < found["largest_error"] <= 4e-3
