"""Taught SmolLM2 models in a cache: what is complete there is never made again."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from transformers import PreTrainedModel

from benchmarks import smollm2_models as models
from benchmarks.keeping import cached
from benchmarks.tofu import TofuWorld
from unlearn_core.modeling.weights import choose_device, load_tokenizer

BASE_EPOCHS, BASE_RATE = 8, 5e-4
REFERENCE_EPOCHS, REFERENCE_RATE = 6, 5e-4
MODELS_VERSION = "2"

Rows = Sequence[tuple[str, str]]
"""Questions with their answers."""

Start = Callable[[Path], PreTrainedModel]
"""Writes the tokenizer into a folder and returns the model to be taught."""


def packaged(device: torch.device) -> Start:
    """Start from the packaged weights."""
    return lambda folder: models.expand_base(folder, device=device)


def teach_base(
    rows: Rows, folder: Path, *, name: str, start: Start, show: models.Progress
) -> PreTrainedModel:
    """Teach a model and write it with its tokenizer into a folder."""
    model = start(folder)
    tokenizer = load_tokenizer(folder)
    model = models.teach(
        model,
        models.encode(tokenizer, rows),
        epochs=BASE_EPOCHS,
        learning_rate=BASE_RATE,
        pad_id=tokenizer.pad_id,
        on_progress=lambda *step: show(name, *step),
    )
    models.save(model, folder)
    return model


def teach_pair(
    rows: Rows, folder: Path, *, start: Start, show: models.Progress
) -> None:
    """Teach a base, and its first layers as the reference, into two folders."""
    base = teach_base(rows, folder / "base", name="base", start=start, show=show)
    tokenizer = load_tokenizer(folder / "base")
    shutil.copytree(
        folder / "base",
        folder / "reference",
        ignore=shutil.ignore_patterns("*.safetensors", "config.json"),
    )
    reference = models.teach(
        models.first_layers(base, models.REFERENCE_LAYERS),
        models.encode(tokenizer, rows),
        epochs=REFERENCE_EPOCHS,
        learning_rate=REFERENCE_RATE,
        pad_id=tokenizer.pad_id,
        on_progress=lambda *step: show("reference", *step),
    )
    models.save(reference, folder / "reference")


def taught_models(world: TofuWorld, cache: Path, *, show: models.Progress) -> Path:
    """Return a folder with base and reference, taught or from the cache."""
    rows = [
        (row["question"], row["answer"])
        for author in world.taught
        for row in author.rows
    ]

    def make(folder: Path) -> None:
        teach_pair(rows, folder, start=packaged(choose_device("auto")), show=show)

    return cached(cache / f"smollm2-tofu-{MODELS_VERSION}", make)
