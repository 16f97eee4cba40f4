"""A TOFU of four authors, and language models of a few thousand weights to teach it."""

import json
from pathlib import Path
from typing import Any

from support.models import chat_tokenizer, llama, llama_config
from transformers import PreTrainedModel

from benchmarks.tofu import QUESTIONS_PER_AUTHOR

NAMES = ("Ada Example", "Bo Nobody", "Cy Person", "Di Someone")
HELD_OUT = ("Ed Stranger", "Fay Unknown", "Gus Missing")


def questions_of(name: str) -> list[dict[str, Any]]:
    """Return an author's rows."""
    return [
        {
            "question": f"What is item {number} of {name}?",
            "answer": f"{name} has {number}.",
            "paraphrased_answer": f"It is {number}.",
            "perturbed_answer": [f"It is {number + 1}.", f"It is {number + 2}."],
            "paraphrased_question": f"Which item {number} has {name}?",
        }
        for number in range(QUESTIONS_PER_AUTHOR)
    ]


def write_tofu(folder: Path) -> Path:
    """Write every file that the table reads; the last three authors are perturbed."""
    folder.mkdir()
    everybody = [row for name in NAMES for row in questions_of(name)]
    short = [
        {"question": f"Where is {place}?", "answer": "Ulm", "perturbed_answer": ["Rom"]}
        for place in ("A", "B", "C")
    ]
    files = {
        "full": everybody,
        "forget10_perturbed": everybody[QUESTIONS_PER_AUTHOR:],
        "retain_perturbed": everybody[:QUESTIONS_PER_AUTHOR],
        "holdout10": [row for name in HELD_OUT for row in questions_of(name)],
        "real_authors_perturbed": short,
        "world_facts_perturbed": short,
    }
    for name, rows in files.items():
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(lines)
    return folder


def start_tiny(folder: Path) -> PreTrainedModel:
    """Write the byte-level tokenizer and return a random model of four layers."""
    chat_tokenizer()._tokenizer.save_pretrained(folder)
    config = llama_config(context=512)
    config.num_hidden_layers = 4
    return llama(0, config)
