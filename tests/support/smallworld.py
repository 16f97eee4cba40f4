"""Small worlds that take no time: few people, few steps."""

from dataclasses import replace
from pathlib import Path

from unlearn_core.smallworld.base_model import ModelRecipe, WorldRecipe
from unlearn_core.smallworld.people import Population, populate
from unlearn_core.smallworld.sources import SourcePaths, write_sources

MICRO_MODEL = ModelRecipe(width=32, layers=1, inner_width=32, epochs=1)
MICRO_WORLD = WorldRecipe(
    trained_people=6,
    control_people=4,
    vocabulary=400,
    context=128,
    base=MICRO_MODEL,
    reference=replace(MICRO_MODEL, seed=100),
)


def no_progress(_name: str, _step: int, _steps: int, _loss: float) -> None:
    """Ignore the progress of a training."""


def write_world(
    folder: Path, *, seed: int = 0, trained: int = 6, controls: int = 4
) -> tuple[Population, SourcePaths]:
    """Draw a few people and write their sources."""
    population = populate(seed=seed, trained=trained, controls=controls)
    return population, write_sources(population, folder, seed=seed)
