"""Train with random models, alone or as one of the processes of ``torchrun``.

The first process writes the losses that it reported, and a sum over the trained
weights, to the file that is named as the argument.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import torch
from support.models import llama, token_rows
from torch import distributed

from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.training import processes
from unlearn_core.training.checkpoints import NoCheckpoints
from unlearn_core.training.ensemble import TrainingTables
from unlearn_core.training.loop import TrainingProgress, train_unlearned
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.targets import AnswerTable, build_table

RECIPE = TrainingRecipe(
    steps=5,
    warmup_steps=0,
    learning_rate=5e-3,
    forget_batch=3,
    retain_batch=5,
    stranger_batch=1,
)


def table(first: int, count: int) -> AnswerTable:
    """Return examples whose answers have one to three tokens."""
    rows = [
        ((first + n, 6), tuple(range(n, n + 1 + n % 3))) for n in range(1, count + 1)
    ]
    base, reference = PlainLaw(llama(0)), PlainLaw(llama(1))
    return build_table(
        token_rows(*rows), base=base, reference=reference, target_NV=None, pad_id=0
    )


def train(objective: str) -> dict[str, object]:
    """Return what a training reported and left behind."""
    told: list[TrainingProgress] = []
    model = train_unlearned(
        llama(1),
        tables=TrainingTables(
            forget=table(20, 4), retain=table(60, 8), strangers=table(120, 3)
        ),
        recipe=TrainingRecipe(**asdict(RECIPE) | {"objective": objective}),
        pad_id=0,
        checkpoints=NoCheckpoints(),
        on_progress=told.append,
    )
    weights = sum(float(item.double().abs().sum()) for item in model.parameters())
    losses = [(item.forget_loss, item.retain_loss, item.stranger_loss) for item in told]
    return {"losses": losses, "weights": weights}


if __name__ == "__main__":
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    try:
        found = {name: train(name) for name in ("twin", "npo")}
        if processes.is_first():
            Path(sys.argv[1]).write_text(json.dumps(found), encoding="utf-8")
    finally:
        distributed.destroy_process_group()
