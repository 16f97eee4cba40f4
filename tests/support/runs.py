"""Tiny trainings, and what tests keep of them: checkpoints, laws, and what was told."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from support.models import llama, token_rows
from transformers import PreTrainedModel

from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.tokens import TokenizedExample
from unlearn_core.modeling.weights import own_tensors_digest
from unlearn_core.training.checkpoints import CheckpointStore, NoCheckpoints
from unlearn_core.training.consolidation import Importance
from unlearn_core.training.ensemble import TrainingTables
from unlearn_core.training.law_cache import LawStore
from unlearn_core.training.loop import TrainingProgress, train_unlearned
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.targets import AnswerTable, build_table

FORGET = token_rows(((5, 6, 7), (40, 41)), ((5, 9), (42,)), ((5, 6), (43, 44, 45)))
RETAIN = token_rows(*(((60 + n, 6), (80 + n, 81)) for n in range(6)))
STRANGERS = token_rows(*(((120 + n,), (140 + n,)) for n in range(4)))
SMALL = TrainingRecipe(
    objective="npo",
    retain_term="kl",
    steps=6,
    warmup_steps=2,
    learning_rate=5e-3,
    forget_batch=2,
    retain_batch=4,
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


@dataclass
class Listener:
    """Hears of every step, and pulls the plug after one, as a killed worker would."""

    stop_after: int | None = None
    heard: list[TrainingProgress] = field(default_factory=list)

    def __call__(self, progress: TrainingProgress) -> None:
        """Hear of a step."""
        self.heard.append(progress)
        if progress.step == self.stop_after:
            raise KeyboardInterrupt


@dataclass
class Run:
    """What a training left behind."""

    model: PreTrainedModel
    progress: list[TrainingProgress]

    @property
    def digest(self) -> str:
        """Return the digest of the weights."""
        return own_tensors_digest(self.model)


def run(
    recipe: TrainingRecipe = SMALL,
    *,
    tables: TrainingTables = TABLES,
    start: PreTrainedModel | None = None,
    checkpoints: CheckpointStore | None = None,
    stop_after: int | None = None,
    pad_id: int = 0,
    report_every: int = 1,
    importance: Importance | None = None,
) -> Run:
    """Train; `stop_after` kills the training at a step."""
    listener = Listener(stop_after)
    model = train_unlearned(
        start or llama(1),
        tables=tables,
        recipe=recipe,
        pad_id=pad_id,
        checkpoints=checkpoints or NoCheckpoints(),
        on_progress=listener,
        report_every=report_every,
        importance=importance,
    )
    return Run(model=model, progress=listener.heard)
