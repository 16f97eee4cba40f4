"""Trains in a process that a test kills: ``killed_training.py FOLDER``.

Laws, checkpoints and at last the pair are kept in the folder, so that another process
goes on where one died.
"""

import sys
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from support.schemes import SMALL, task

from unlearn_core.adapters.objects import FolderObjects
from unlearn_core.modeling.weights import pack_pair
from unlearn_core.training.checkpoints import CheckpointStore
from unlearn_core.training.law_cache import LawCache, LawStore
from unlearn_core.training.loop import TrainingProgress
from unlearn_core.training.schemes.base import make_pair

# A multiplier, drawn tokens, curvature, adapters, and looks that may end it.
RECIPE = replace(
    SMALL,
    steps=100,
    learning_rate=5e-4,
    objective="pdu",
    objective_parameters={"retain_budget": 0.0, "dual_rate": 5.0},
    optimizer="sophia",
    optimizer_parameters={"curvature_every": 7.0},
    lora_rank=2,
    calibration={"gap": 0.99, "drift": 1e3, "looks": 4},
)
CHECKPOINT = "checkpoint"
PAIR = "pair"


@dataclass(frozen=True, slots=True)
class KeptObject(CheckpointStore):
    """A checkpoint as one object of a folder."""

    objects: FolderObjects
    name: str

    def load(self) -> bytes | None:
        """Return the latest checkpoint, if there is one."""
        return self.objects.read(self.name)

    def save(self, data: bytes) -> None:
        """Replace the latest checkpoint."""
        self.objects.write(self.name, data)


@dataclass(frozen=True, slots=True)
class KeptObjects(LawStore):
    """Laws as objects of a folder."""

    objects: FolderObjects

    def load(self, key: bytes) -> bytes | None:
        """Return what was kept under a key, if anything."""
        return self.objects.read(sha256(key).hexdigest())

    def save(self, key: bytes, data: bytes) -> None:
        """Keep data under a key."""
        self.objects.write(sha256(key).hexdigest(), data)


def train(folder: Path, checkpoints: CheckpointStore) -> tuple[bytes, list[int]]:
    """Return the packed pair, and the steps that were told.

    Args:
        folder: Where laws are kept.
        checkpoints: Where the state is kept.
    """
    made, steps = task(RECIPE), list[int]()

    def heard(progress: TrainingProgress) -> None:
        steps.append(progress.step)

    laws = LawCache(KeptObjects(FolderObjects(folder)), models=RECIPE.digest)
    pair = make_pair(
        made.datasets,
        materials=replace(made.materials, lookup=laws),
        recipe=RECIPE,
        checkpoints=checkpoints,
        on_progress=heard,
    )
    return pack_pair(unlearned=pair.unlearned, reference=pair.reference), steps


def main(folder: Path) -> None:
    """Train, or go on; leave the pair and tell the steps of this process."""
    objects = FolderObjects(folder)
    packed, steps = train(folder, KeptObject(objects, CHECKPOINT))
    objects.write(PAIR, packed)
    print(*steps)  # noqa: T201 - the test reads it


if __name__ == "__main__":
    main(Path(sys.argv[1]))
