"""A third party's package extends every registry, in a process that starts with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.plugins import REGISTRIES, install

pytestmark = pytest.mark.integration

SOURCE = """
from dataclasses import dataclass
from typing import ClassVar

import torch

from unlearn_core.training.combinations.base import Parts
from unlearn_core.training.masks.base import everywhere
from unlearn_core.training.schemes.delta import Delta


@dataclass(frozen=True)
class Loss:
    second_answer: ClassVar[None] = None
    weight: float = 1.0

    def __call__(self, laws):
        return -self.weight * laws.label_log_probs(laws.served_NV).mean()


class Plain:
    def build(self, parameters, *, learning_rate):
        return torch.optim.SGD(parameters, lr=learning_rate)


class Every:
    def __call__(self, evidence):
        return everywhere(evidence.model, value=True)


class Last:
    parts_from = Parts.FIELDS
    needs_inputs = False
    count = 2

    def __call__(self, start, parts):
        return parts[-1].weights


class Own(Delta):
    pass


def metric(evidence):
    return evidence


def connector(specification):
    return specification


def family(known):
    return ()


def paraphraser(questions, ask, seed):
    return [() for _ in questions]
"""
ENTRY_POINTS = {
    "unlearn_core.schemes": "Own",
    "unlearn_core.forget_objectives": "Loss",
    "unlearn_core.retain_terms": "Loss",
    "unlearn_core.optimizers": "Plain",
    "unlearn_core.masks": "Every",
    "unlearn_core.combinations": "Last",
    "unlearn_core.metrics": "metric",
    "unlearn_core.connectors": "connector",
    "unlearn_core.probe_families": "family",
    "unlearn_core.paraphrasers": "paraphraser",
}
PROGRAM = """
import others
from unlearn_core.adapters.connectors import CONNECTORS
from unlearn_core.domain.families import FAMILIES
from unlearn_core.domain.rewording import PARAPHRASERS
from unlearn_core.metrics import METRICS
from unlearn_core.training.recipe import TrainingRecipe

recipe = TrainingRecipe(
    scheme="own",
    objective="own",
    objective_parameters={"weight": 2.0},
    retain_term="own",
    optimizer="own",
    mask="own",
    combination="own",
)
assert type(recipe.pair_scheme()) is others.Own
assert recipe.forget_objective() == others.Loss(weight=2.0)
assert recipe.retain_objective() == others.Loss()
assert type(recipe.optimizer_recipe()) is others.Plain
assert type(recipe.parameter_mask()) is others.Every
assert type(recipe.weight_arithmetic()) is others.Last
assert METRICS.get("own") is others.metric
assert CONNECTORS.get("own") is others.connector
assert FAMILIES.get("own") is others.family
assert PARAPHRASERS.get("own") is others.paraphraser
print("extended", TrainingRecipe().scheme)
"""
ROOT = Path(__file__).parents[2]


def test_every_kind_of_plugin_is_found_by_its_entry_point(tmp_path: Path) -> None:
    install(
        tmp_path,
        name="others",
        source=SOURCE,
        entry_points={
            group: {"own": f"others:{target}"} for group, target in ENTRY_POINTS.items()
        },
    )
    assert ENTRY_POINTS.keys() == {registry.group for registry in REGISTRIES}
    found = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == "extended delta\n", found.stderr
