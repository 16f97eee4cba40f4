"""Train with random models, alone or as one of the processes of ``torchrun``.

The first process writes the losses that it reported, and a sum over the trained
weights, to the file that is named as the argument.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import torch
from support.models import token_rows
from support.runs import run, table
from torch import distributed

from unlearn_core.training import processes
from unlearn_core.training.ensemble import TrainingTables
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.targets import AnswerTable

RECIPE = TrainingRecipe(
    steps=5,
    warmup_steps=0,
    learning_rate=5e-3,
    forget_batch=3,
    retain_batch=5,
    stranger_batch=1,
)


def uneven(first: int, count: int) -> AnswerTable:
    """Return the laws of examples whose answers have one to three tokens."""
    rows = (
        ((first + n, 6), tuple(range(n, n + 1 + n % 3))) for n in range(1, count + 1)
    )
    return table(token_rows(*rows))


def train(objective: str) -> dict[str, object]:
    """Return what a training reported and left behind."""
    done = run(
        replace(RECIPE, objective=objective),
        tables=TrainingTables(
            forget=uneven(20, 4), retain=uneven(60, 8), strangers=uneven(120, 3)
        ),
    )
    return {
        "losses": [
            (item.forget_loss, item.retain_loss, item.stranger_loss)
            for item in done.progress
        ],
        "weights": sum(
            float(item.double().abs().sum()) for item in done.model.parameters()
        ),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    try:
        found = {name: train(name) for name in ("twin", "npo")}
        if processes.is_first():
            Path(sys.argv[1]).write_text(json.dumps(found), encoding="utf-8")
    finally:
        distributed.destroy_process_group()
