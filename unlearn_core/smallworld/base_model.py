"""Trains the small world's tokenizer, base model and reference model.

Legend: B batch rows, T tokens, V vocabulary.

Matrices are trained with Muon (Jordan et al. 2024), everything else with AdamW:
on this task that needs a third of AdamW's steps (docs/log.md). Wide and shallow
beats deep at equal time. Models are kept under a digest of their recipe.
"""

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn import functional
from transformers import LlamaConfig, PreTrainedModel, PreTrainedTokenizerFast

from unlearn_core.domain.canonical import digest_of_json
from unlearn_core.modeling.tokens import (
    TokenizedExample,
    TransformersTokenizer,
    answer_positions,
    collate,
)
from unlearn_core.modeling.weights import (
    frozen,
    load_tokenizer,
    new_model,
    output_head,
)
from unlearn_core.smallworld.corpus import Document

PAD, USER, ASSISTANT, END = "<|pad|>", "<|user|>", "<|assistant|>", "<|end|>"

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}<|user|>{{ message['content'] }}"
    "{% elif message['role'] == 'assistant' %}"
    "<|assistant|>{{ message['content'] }}<|end|>"
    "{% else %}{{ message['content'] }}<|end|>{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)

Progress = Callable[[str, int, int, float], None]
"""Called with the name of the model, finished steps, all steps and the loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecipe:
    """Size and training of one model of the small world.

    Attributes:
        width: Hidden size.
        layers: Number of layers.
        inner_width: Size of the feed-forward layers.
        epochs: Passes over all documents.
        matrix_rate: Learning rate of Muon.
        other_rate: Learning rate of AdamW.
        batch_rows: Documents per step.
        seed: Seed of initialisation and order.
    """

    width: int
    layers: int = 2
    inner_width: int
    epochs: int
    matrix_rate: float = 0.014
    other_rate: float = 3e-3
    batch_rows: int = 96
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldRecipe:
    """Everything that determines the small world's models."""

    world_seed: int = 0
    trained_people: int = 200
    control_people: int = 140
    vocabulary: int = 1536
    context: int = 256
    base: ModelRecipe = ModelRecipe(width=256, inner_width=512, epochs=12)
    reference: ModelRecipe = ModelRecipe(
        width=128, inner_width=256, epochs=10, matrix_rate=0.016, seed=100
    )

    @property
    def key(self) -> str:
        """Return a short digest, the name of the cache folder."""
        return digest_of_json({"recipe": asdict(self), "format": 2})[7:23]


def train_world_models(
    documents: Sequence[Document],
    directory: Path,
    *,
    recipe: WorldRecipe,
    on_progress: Progress,
) -> None:
    """Train tokenizer, base and reference into ``base`` and ``reference`` folders."""
    tokenizer = train_tokenizer(documents, recipe=recipe)
    for name, model_recipe in (
        ("reference", recipe.reference),
        ("base", recipe.base),
    ):
        folder = directory / name
        folder.mkdir(parents=True, exist_ok=True)
        tokenizer.save_pretrained(folder)
        examples = encode_documents(load_tokenizer(folder), documents)
        model = train_model(
            examples,
            recipe=model_recipe,
            vocabulary=len(tokenizer),
            context=recipe.context,
            on_progress=lambda *step, name=name: on_progress(name, *step),
        )
        model.save_pretrained(folder)


def train_tokenizer(
    documents: Sequence[Document], *, recipe: WorldRecipe
) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer; digits stay single."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocabulary,
        special_tokens=[PAD, USER, ASSISTANT, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [text for item in documents for text in (item.question, item.text) if text]
    tokenizer.train_from_iterator(texts, trainer)
    wrapped: PreTrainedTokenizerFast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # untyped upstream
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=END
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def encode_documents(
    tokenizer: TransformersTokenizer, documents: Sequence[Document]
) -> list[TokenizedExample]:
    """Turn documents into examples; plain text is all answer."""
    return [
        TokenizedExample(
            prompt=tuple(tokenizer.question(item.question)) if item.question else (),
            answer=(*tokenizer.text(item.text), tokenizer.end_id),
        )
        for item in documents
    ]


def train_model(
    examples: Sequence[TokenizedExample],
    *,
    recipe: ModelRecipe,
    vocabulary: int,
    context: int,
    on_progress: Callable[[int, int, float], None],
) -> PreTrainedModel:
    """Train one model from scratch on answers and plain text."""
    torch.manual_seed(recipe.seed)
    config = _config(recipe, vocabulary=vocabulary, context=context)
    model = new_model(config, device=torch.device("cpu")).train()
    optimizers = _optimizers(model, recipe)
    steps = recipe.epochs * math.ceil(len(examples) / recipe.batch_rows)
    rng = random.Random(recipe.seed)
    step = 0
    shown = time.monotonic()
    for _ in range(recipe.epochs):
        for rows in _batches(examples, recipe.batch_rows, rng):
            _set_rates(optimizers, step, steps)
            loss = _loss(model, rows)
            for optimizer in optimizers:
                optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]  # untyped upstream
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer in optimizers:
                optimizer.step()
            step += 1
            if time.monotonic() - shown > 1 or step == steps:
                shown = time.monotonic()
                on_progress(step, steps, float(loss.detach()))
    return frozen(model)


def _config(recipe: ModelRecipe, *, vocabulary: int, context: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=recipe.width,
        intermediate_size=recipe.inner_width,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.width // 32,
        num_key_value_heads=recipe.width // 32,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=3,
        eos_token_id=3,
    )


def _optimizers(
    model: PreTrainedModel, recipe: ModelRecipe
) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    """Return Muon for the matrices of the layers and AdamW for the rest."""
    matrices: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        is_matrix = parameter.ndim == 2 and "embed" not in name  # noqa: PLR2004 - a matrix
        (matrices if is_matrix else others).append(parameter)
    return (
        torch.optim.Muon(matrices, lr=recipe.matrix_rate, weight_decay=0.0),
        torch.optim.AdamW(
            others, lr=recipe.other_rate, betas=(0.9, 0.95), weight_decay=0.0
        ),
    )


def _set_rates(
    optimizers: Sequence[torch.optim.Optimizer], step: int, steps: int
) -> None:
    """Warm up over 50 steps, then hold, then fall linearly over the last 60%."""
    scale = min(1.0, (step + 1) / 50) * min(1.0, (1 - step / steps) / 0.6)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("peak_lr", group["lr"]) * max(scale, 0.01)


def _batches(
    examples: Sequence[TokenizedExample], rows: int, rng: random.Random
) -> list[list[TokenizedExample]]:
    """Shuffle, then batch neighbours in length so that little is padding."""
    order = list(range(len(examples)))
    rng.shuffle(order)
    batches: list[list[TokenizedExample]] = []
    bucket = rows * 16
    for start in range(0, len(order), bucket):
        part = sorted(order[start : start + bucket], key=lambda row: len(examples[row]))
        batches += [
            [examples[row] for row in part[place : place + rows]]
            for place in range(0, len(part), rows)
        ]
    rng.shuffle(batches)
    return batches


def _loss(model: PreTrainedModel, rows: Sequence[TokenizedExample]) -> torch.Tensor:
    """Return the mean cross-entropy of the answers' tokens."""
    batch = collate(rows, pad_id=0, maximum_tokens=model.config.max_position_embeddings)
    found = answer_positions(batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden_BTD = model.base_model(
            input_ids=batch.input_ids_BT, attention_mask=batch.attention_mask_BT
        ).last_hidden_state
        logits_NV = output_head(model)(hidden_BTD[found.mask_BT])
    return functional.cross_entropy(logits_NV.float(), found.labels_N)
