"""Tasks for schemes: tiny models, tiny sets, few steps."""

from support.domain import datasets
from support.models import chat_tokenizer, llama, llama_config
from support.runs import Listener
from transformers import PreTrainedModel

from unlearn_core.training.checkpoints import CheckpointStore, NoCheckpoints
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


def task(
    recipe: TrainingRecipe,
    *,
    checkpoints: CheckpointStore | None = None,
    listener: Listener | None = None,
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
        on_progress=listener or Listener(),
    )
