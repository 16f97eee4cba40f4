"""Tasks for schemes: tiny models, tiny sets, few steps."""

from dataclasses import dataclass, field

from support.domain import datasets
from support.models import chat_tokenizer, llama, llama_config
from transformers import PreTrainedModel

from unlearn_core.training.checkpoints import CheckpointStore, NoCheckpoints
from unlearn_core.training.loop import TrainingProgress
from unlearn_core.training.pair import PairMaterials
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.schemes.base import PairTask

SMALL = TrainingRecipe(
    steps=4,
    warmup_steps=1,
    learning_rate=5e-3,
    forget_batch=2,
    retain_batch=3,
    stranger_batch=2,
)


@dataclass
class Kept(CheckpointStore):
    """The latest checkpoint, in memory, and how many there were."""

    data: bytes | None = None
    saved: int = 0

    def load(self) -> bytes | None:
        """Return the latest."""
        return self.data

    def save(self, data: bytes) -> None:
        """Replace it."""
        self.data = data
        self.saved += 1


@dataclass
class Watched:
    """A listener that remembers, and kills a training at a step if told to."""

    killed_at: int | None = None
    seen: list[TrainingProgress] = field(default_factory=list)

    def __call__(self, progress: TrainingProgress) -> None:
        """Remember the progress."""
        if progress.step == self.killed_at:
            raise KeyboardInterrupt
        self.seen.append(progress)


def task(
    recipe: TrainingRecipe,
    *,
    checkpoints: CheckpointStore | None = None,
    watched: Watched | None = None,
    reference: PreTrainedModel | None = None,
    previous: PreTrainedModel | None = None,
    tied: bool = False,
) -> PairTask:
    """Return a task of four retained examples, one stranger and one to forget."""
    return PairTask(
        datasets=datasets(),
        materials=PairMaterials(
            base=llama(0, llama_config(width=16, tied=tied)),
            tokenizer=chat_tokenizer(),
            reference=reference or llama(1, llama_config(tied=tied)),
            previous=previous,
        ),
        recipe=recipe,
        checkpoints=checkpoints or NoCheckpoints(),
        on_progress=watched or Watched(),
    )
