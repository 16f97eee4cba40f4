"""A tiny training that tests of optimisers, masks and combinations share."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from support.models import llama, token_rows
from torch import Tensor
from torch.nn import Module, Parameter
from transformers import PreTrainedModel

from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.tokens import TokenizedExample
from unlearn_core.training.checkpoints import CheckpointStore, NoCheckpoints
from unlearn_core.training.ensemble import TrainingTables
from unlearn_core.training.law_cache import LawStore
from unlearn_core.training.loop import TrainingProgress, train_unlearned
from unlearn_core.training.masks.base import MaskEvidence
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.targets import AnswerTable, build_table

FORGET = token_rows(((5, 6, 7), (40, 41)), ((5, 9), (42,)), ((5, 6), (43, 44, 45)))
RETAIN = token_rows(*(((60 + n, 6), (80 + n, 81)) for n in range(6)))
STRANGERS = token_rows(*(((120 + n,), (140 + n,)) for n in range(4)))
SHORT = TrainingRecipe(
    objective="npo",
    retain_term="kl",
    steps=4,
    warmup_steps=0,
    learning_rate=5e-3,
    forget_batch=2,
    retain_batch=3,
    stranger_batch=2,
)


def table(rows: Sequence[TokenizedExample]) -> AnswerTable:
    """Return the laws of a base and a reference with random weights."""
    return build_table(
        rows,
        base=PlainLaw(llama(0)),
        reference=PlainLaw(llama(1)),
        target_NV=None,
        pad_id=0,
    )


TABLES = TrainingTables(
    forget=table(FORGET), retain=table(RETAIN), strangers=table(STRANGERS)
)


@dataclass
class Kept(CheckpointStore):
    """Checkpoints in memory, all of them."""

    saved: list[bytes] = field(default_factory=list)

    def load(self) -> bytes | None:
        """Return the latest."""
        return self.saved[-1] if self.saved else None

    def save(self, data: bytes) -> None:
        """Keep one more."""
        self.saved.append(data)


def train(
    recipe: TrainingRecipe,
    *,
    checkpoints: CheckpointStore | None = None,
    stop_after: int | None = None,
    pad_id: int = 0,
) -> PreTrainedModel:
    """Train; `stop_after` pulls the plug as a killed worker would."""

    def note(item: TrainingProgress) -> None:
        if item.step == stop_after:
            raise KeyboardInterrupt

    return train_unlearned(
        llama(1),
        tables=TABLES,
        recipe=recipe,
        pad_id=pad_id,
        checkpoints=checkpoints or NoCheckpoints(),
        on_progress=note,
    )


class Weights(Module):
    """Named weights and nothing else."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name, values in weights.items():
            self.register_parameter(name, Parameter(values))


def evidence_of(
    weights: Mapping[str, Tensor],
    *,
    forget: Mapping[str, Tensor],
    retain: Mapping[str, Tensor],
) -> MaskEvidence:
    """Return evidence about some weights whose gradients are given.

    The losses are ``sum(gradient * weight)``, in two equal parts.
    """
    model = Weights(weights)

    def losses(gradients: Mapping[str, Tensor]) -> Iterator[Tensor]:
        for _ in range(2):
            yield torch.stack(
                [
                    (gradients[name] * item).sum() / 2
                    for name, item in model.named_parameters()
                ]
            ).sum()

    return MaskEvidence(
        model=model,  # type: ignore[arg-type]  # weights are all that is looked at
        forget_losses=lambda: losses(forget),
        retain_losses=lambda: losses(retain),
    )


@dataclass
class KeptLaws(LawStore):
    """Laws in memory."""

    laws: dict[bytes, bytes] = field(default_factory=dict)

    def load(self, key: bytes) -> bytes | None:
        """Return what was kept."""
        return self.laws.get(key)

    def save(self, key: bytes, data: bytes) -> None:
        """Keep more."""
        self.laws[key] = data
