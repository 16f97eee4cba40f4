"""What kept laws of a base take, in full and in brief: ``make bench-laws``.

A model is asked about texts as training asks it, and what it said is packed in single
precision, in half precision, and in brief (`unlearn_core.training.brief_laws`). Texts
are JSON lines with a question and an answer, or with the messages of a conversation.

It ends with one JSON line: bytes per answer token of each form, the largest and the
mean error of what would be read back, in nats, and how many tokens positions tell.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from safetensors.torch import load as load_safetensors
from torch import Tensor

from unlearn_core.domain.datasets import Example, Form
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.tokens import TokenizedExample, encode_example
from unlearn_core.modeling.weights import PRECISIONS, choose_device, load_language_model
from unlearn_core.privacy import Personal
from unlearn_core.training.brief_laws import law_errors
from unlearn_core.training.law_cache import pack_in_brief, pack_law, unpack_law
from unlearn_core.training.targets import answer_laws

FULL_BYTES = 4
"""Of one log-probability in single precision."""


def conversation(row: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return question and answer of a row; None for a row that is neither."""
    if "question" in row:
        return row["question"], row["answer"]
    if "messages" in row:
        question, answer = (item["content"] for item in row["messages"][:2])
        return question, answer
    return None


def read(path: Path, *, count: int) -> list[tuple[str, str]]:
    """Return some conversations of a file, evenly spread.

    Args:
        path: JSON lines.
        count: How many at most.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [item for line in lines if (item := conversation(json.loads(line)))]
    return rows[:: -(-len(rows) // count)]


def summary(parts: Sequence[tuple[Tensor, Tensor]]) -> dict[str, Any]:
    """Pack laws as a request's would be, and say what that takes and costs.

    Args:
        parts: Laws ``[N, V]`` with the true tokens ``[N]``.
    """
    sizes = {"full": 0, "half": 0, "brief": 0}
    told: dict[str, int] = {}
    found: list[Tensor] = []
    for law_NV, labels_N in parts:
        brief = min(pack_in_brief(law_NV, labels_N), pack_law(law_NV), key=len)
        sizes["full"] += FULL_BYTES * law_NV.numel()
        sizes["half"] += len(pack_law(law_NV))
        sizes["brief"] += len(brief)
        found.append(law_errors(law_NV, unpack_law(brief)))
        for name, tensor in load_safetensors(brief).items():
            if name.startswith("places/"):
                count = name.removeprefix("places/")
                told[count] = told.get(count, 0) + len(tensor)
    errors_N = torch.cat(found)
    return {
        "positions": len(errors_N),
        "bytes_per_token": {name: size / len(errors_N) for name, size in sizes.items()},
        "brief_to_half": sizes["brief"] / sizes["half"],
        "largest_error": float(errors_N.max()),
        "mean_error": float(errors_N.mean()),
        "positions_that_tell": told,
    }


def main() -> None:
    """Ask a model about texts and print what its laws take."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, required=True, help="a model directory")
    parser.add_argument("--texts", type=Path, required=True, help="JSON lines")
    parser.add_argument("--count", type=int, default=64, help="how many texts")
    parser.add_argument("--at-once", type=int, default=8, help="texts of one law")
    parser.add_argument("--precision", choices=list(PRECISIONS), default="float32")
    options = parser.parse_args()
    torch.set_num_threads(1)
    base = load_language_model(
        options.base,
        device=choose_device("auto"),
        dtype=PRECISIONS[options.precision],
    )
    rows = [
        encode_example(
            base.tokenizer,
            Example(
                ref="text",
                field="text",
                form=Form.QUESTION,
                prompt=Personal(question),
                answer=Personal(answer),
            ),
        )
        for question, answer in read(options.texts, count=options.count)
    ]

    def asked(some: Sequence[TokenizedExample]) -> tuple[Tensor, Tensor]:
        labels_N = torch.tensor([token for item in some for token in item.answer])
        law = PlainLaw(base.model)
        return answer_laws(law, some, pad_id=base.tokenizer.pad_id), labels_N

    begins = range(0, len(rows), options.at_once)
    shown = track(begins, "asking", console=Console(stderr=True))
    parts = [asked(rows[begin : begin + options.at_once]) for begin in shown]
    print(json.dumps(summary(parts)))


if __name__ == "__main__":
    main()
