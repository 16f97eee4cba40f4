"""What is trained and how: recipes, and the ladder of recipes to try in turn.

A recipe is written into the artifact's manifest by its digest. A ladder file is
YAML: a list of mappings with the fields of `TrainingRecipe`.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from pydantic import TypeAdapter, ValidationError

from unlearn_core.domain.artifacts import MAXIMUM_ALPHA
from unlearn_core.domain.canonical import Digest, JsonValue, digest_of_json
from unlearn_core.errors import InvalidRecipeError
from unlearn_core.objectives import FORGET_OBJECTIVES, RETAIN_TERMS
from unlearn_core.objectives.base import ForgetObjective, RetainTerm
from unlearn_core.registry import UnknownNameError
from unlearn_core.training.calibration import Limits
from unlearn_core.training.combinations import COMBINATIONS
from unlearn_core.training.combinations.base import Combination
from unlearn_core.training.masks import MASKS
from unlearn_core.training.masks.base import ParameterMask
from unlearn_core.training.optimizers import OPTIMIZERS
from unlearn_core.training.optimizers.base import OptimizerRecipe
from unlearn_core.training.schemes import SCHEMES

if TYPE_CHECKING:
    from unlearn_core.training.schemes.base import Scheme

# A field that came later is written only where it is used, so that the digest of a
# recipe stays the same when the code learns something new.
_LATER = {"came": "later"}
_DEFAULT_OBJECTIVE = "twin"
# Measured with sixteen requests in a row, docs/log.md.
_LATER_REQUESTS: Mapping[str, float] = {
    "steps": 125.0,
    "retain_batch": 64.0,
    "retain_weight": 10.0,
    "retain_focus": 0.5,
    "repair_steps": 25.0,
    "hold_weight": 50.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecipe:
    """One way to train an offset pair.

    Attributes:
        scheme: Name of the scheme: how the pair comes about.
        objective: Name of the forget objective, for a scheme that minds it.
        objective_parameters: Its hyperparameters.
        retain_term: Name of the retain term.
        retain_parameters: Its hyperparameters.
        retain_weight: Weight of the retain term on the retain set.
        stranger_weight: Weight of the retain term on prompts about strangers.
        alpha: Offset strength, in training and in serving.
        steps: Optimiser steps.
        warmup_steps: Steps of linear warm-up; a half cosine follows.
        learning_rate: Peak learning rate of the optimiser.
        forget_batch: Forget examples per step.
        retain_batch: Retain examples per step.
        stranger_batch: Stranger examples per step.
        maximum_gradient_norm: Gradients are clipped to this norm.
        precision: ``float32`` or ``bfloat16`` for the small model's passes.
        seed: Seed of every random choice.
        lora_rank: Rank of low-rank adapters; 0 trains every weight.
        lora_alpha: Their strength: the adapters' product weighs
            ``lora_alpha / lora_rank``.
        lora_targets: Names of the layers that get them; empty for every linear layer
            but the one that gives the logits.
        optimizer: Name of the optimiser.
        optimizer_parameters: Its hyperparameters.
        mask: Name of the parameter mask: which weights are trained.
        mask_parameters: Its hyperparameters.
        scheme_parameters: Hyperparameters of the scheme.
        combination: Name of the combination that makes one model of several
            trainings; empty for one training.
        combination_parameters: Its hyperparameters.
        retain_target: Whose law the retain set keeps under ``delta``: ``before`` is
            that of the model as served before, ``base`` that of the base, so that what
            earlier versions cost retained people is repaired and does not add up.
        retain_focus: Share of each step's retain examples that are drawn by how far
            they are from what they shall be, under ``delta`` (`training.focus`).
        repair_steps: How many of the steps, the last, do without the forget objective.
        hold_weight: Weight of what holds earlier erasures where later requests train,
            under ``delta`` with every weight trained (`training.consolidation`).
        later_requests: Numbers among these fields, but for ``alpha``, that are
            different where a version builds on another: a later request has earlier
            erasures to hold and earlier losses to repair.
        calibration: Limits under which training ends before its last step, and by
            which the strength is chosen; empty to leave both as they are above.
        recompute: Whether a step keeps less in memory and computes every layer twice;
            the result is the same to the bit.
    """

    scheme: str = "delta"
    objective: str = _DEFAULT_OBJECTIVE
    objective_parameters: Mapping[str, float] = field(default_factory=dict)
    retain_term: str = "log_ratio"
    retain_parameters: Mapping[str, float] = field(default_factory=dict)
    retain_weight: float = 3.0
    stranger_weight: float = 1.0
    alpha: float = 1.0
    steps: int = 200
    warmup_steps: int = 20
    learning_rate: float = 5e-4
    forget_batch: int = 16
    retain_batch: int = 64
    stranger_batch: int = 32
    maximum_gradient_norm: float = 1.0
    precision: str = "float32"
    seed: int = 0
    lora_rank: int = field(default=0, metadata=_LATER)
    lora_alpha: float = field(default=32.0, metadata=_LATER)
    lora_targets: tuple[str, ...] = field(default=(), metadata=_LATER)
    optimizer: str = field(default="adamw", metadata=_LATER)
    optimizer_parameters: Mapping[str, float] = field(
        default_factory=dict, metadata=_LATER
    )
    mask: str = field(default="all", metadata=_LATER)
    mask_parameters: Mapping[str, float] = field(default_factory=dict, metadata=_LATER)
    scheme_parameters: Mapping[str, float] = field(
        default_factory=dict, metadata=_LATER
    )
    combination: str = field(default="", metadata=_LATER)
    combination_parameters: Mapping[str, float] = field(
        default_factory=dict, metadata=_LATER
    )
    retain_target: str = field(default="before", metadata=_LATER)
    retain_focus: float = field(default=0.0, metadata=_LATER)
    repair_steps: int = field(default=0, metadata=_LATER)
    hold_weight: float = field(default=0.0, metadata=_LATER)
    later_requests: Mapping[str, float] = field(default_factory=dict, metadata=_LATER)
    calibration: Mapping[str, float] = field(default_factory=dict, metadata=_LATER)
    recompute: bool = field(default=False, metadata=_LATER)

    def __post_init__(self) -> None:
        """Refuse values that cannot work.

        Raises:
            InvalidRecipeError: A value is unknown or out of range; it is named.
        """
        self._check_numbers()
        if self.precision not in {"float32", "bfloat16"}:
            raise InvalidRecipeError(value="precision")
        if self.retain_target not in {"before", "base"}:
            raise InvalidRecipeError(value="retain_target")
        self.forget_objective()
        self.retain_objective()
        self.optimizer_recipe()
        self.parameter_mask()
        self.limits()
        self.weight_arithmetic()
        if self.pair_scheme().objective:
            self._check_for_own_scheme()
        if self.hold_weight:
            self._check_hold()
        self.for_later_requests()

    def _check_numbers(self) -> None:
        """Refuse numbers out of range."""
        positive = ("steps", "learning_rate", "alpha", "maximum_gradient_norm")
        for name in (*positive, "forget_batch", "lora_alpha"):
            if not 0 < getattr(self, name) < math.inf:
                raise InvalidRecipeError(value=name)
        weights = ("retain_weight", "stranger_weight", "hold_weight", "retain_focus")
        counts = ("retain_batch", "stranger_batch", "warmup_steps", "lora_rank")
        for name in (*weights, *counts):
            if not 0 <= getattr(self, name) < math.inf:
                raise InvalidRecipeError(value=name)
        if self.repair_steps not in range(self.steps):
            raise InvalidRecipeError(value="repair_steps")
        if self.retain_focus > 1:
            raise InvalidRecipeError(value="retain_focus")
        if self.alpha > MAXIMUM_ALPHA:
            raise InvalidRecipeError(value="alpha")

    def for_later_requests(self) -> "TrainingRecipe":
        """Return the recipe for a version that builds on another.

        Raises:
            InvalidRecipeError: What differs is no number of the recipe, out of range,
                or the strength, which a later version has from the one before.
        """
        if not self.later_requests:
            return self
        changes: dict[str, float] = {}
        for name, value in self.later_requests.items():
            kind = type(getattr(self, name, None))
            if kind is float and name != "alpha":
                changes[name] = float(value)
            elif kind is int and float(value).is_integer():
                changes[name] = int(value)
            else:
                raise InvalidRecipeError(value="later_requests")
        return replace(self, later_requests={}, **changes)  # type: ignore[arg-type]  # any number

    def _check_for_own_scheme(self) -> None:
        """Refuse what a scheme would not mind that trains in its own way."""
        if self.objective != _DEFAULT_OBJECTIVE:
            raise InvalidRecipeError(
                value="objective", problem="the scheme has an objective of its own"
            )
        for name in ("combination", "hold_weight", "retain_focus"):
            if getattr(self, name):
                raise InvalidRecipeError(
                    value=name, problem="the scheme trains in its own way"
                )

    def _check_hold(self) -> None:
        """Refuse to hold weights that are not trained, or not as they are."""
        if self.lora_rank:
            raise InvalidRecipeError(
                value="hold_weight", problem="adapters are not weights of the start"
            )
        if self.combination:
            raise InvalidRecipeError(
                value="hold_weight", problem="a combination moves weights afterwards"
            )

    @property
    def trained_for(self) -> str:
        """Return the name of the objective in force: the scheme's own, if any."""
        return self.pair_scheme().objective or self.objective

    def pair_scheme(self) -> "Scheme":
        """Build the scheme.

        Raises:
            InvalidRecipeError: Its name is unknown, or a parameter is or is out of
                range.
        """
        with _refused_as("scheme"):
            return SCHEMES.get(self.scheme)(**self.scheme_parameters)

    def forget_objective(self) -> ForgetObjective:
        """Build the forget objective.

        Raises:
            InvalidRecipeError: Its name is unknown, or a parameter is or is out of
                range.
        """
        with _refused_as("objective"):
            return FORGET_OBJECTIVES.get(self.objective)(**self.objective_parameters)

    def retain_objective(self) -> RetainTerm:
        """Build the retain term.

        Raises:
            InvalidRecipeError: Its name is unknown, or a parameter is or is out of
                range.
        """
        with _refused_as("retain_term"):
            return RETAIN_TERMS.get(self.retain_term)(**self.retain_parameters)

    def optimizer_recipe(self) -> OptimizerRecipe:
        """Return the optimiser's hyperparameters.

        Raises:
            InvalidRecipeError: Its name is unknown, or a parameter is or is out of
                range.
        """
        with _refused_as("optimizer"):
            return OPTIMIZERS.get(self.optimizer)(**self.optimizer_parameters)

    def parameter_mask(self) -> ParameterMask:
        """Build the parameter mask.

        Raises:
            InvalidRecipeError: Its name is unknown, or a parameter is or is out of
                range.
        """
        with _refused_as("mask"):
            return MASKS.get(self.mask)(**self.mask_parameters)

    def weight_arithmetic(self) -> Combination | None:
        """Build the combination; None for one training.

        Raises:
            InvalidRecipeError: Its name is unknown, or a parameter is or is out of
                range.
        """
        if not self.combination:
            return None
        with _refused_as("combination"):
            return COMBINATIONS.get(self.combination)(**self.combination_parameters)

    def limits(self) -> Limits | None:
        """Return the limits of calibration, if the recipe has any.

        Raises:
            InvalidRecipeError: A limit is unknown or out of range.
        """
        with _refused_as("calibration"):
            return Limits(**self.calibration) if self.calibration else None

    def to_json(self) -> dict[str, JsonValue]:
        """Return the recipe as a JSON object."""
        later = {item.name: item for item in fields(self) if item.metadata}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if name not in later or value not in (later[name].default, {})
        }

    @property
    def digest(self) -> Digest:
        """Return the digest of the recipe."""
        return digest_of_json(self.to_json())


RecipeLadder = tuple[TrainingRecipe, ...]

# Reads rows with the types of the fields, so that 1 is a number as good as 1.0.
_ROWS: TypeAdapter[RecipeLadder] = TypeAdapter(RecipeLadder)


def default_ladder() -> RecipeLadder:
    """Return the built-in ladder: the measured default, then longer and stronger."""
    first = TrainingRecipe(
        objective_parameters={"margin": 0.5},
        retain_target="base",
        later_requests=_LATER_REQUESTS,
    )
    longer = {**_LATER_REQUESTS, "steps": 200.0, "repair_steps": 50.0}
    return (
        first,
        replace(first, steps=300, seed=1, later_requests=longer),
        replace(
            first,
            steps=400,
            learning_rate=1e-3,
            retain_weight=5.0,
            seed=2,
            later_requests=longer,
        ),
    )


def load_ladder(path: Path | None) -> RecipeLadder:
    """Read a ladder file, or return the built-in ladder.

    Raises:
        InvalidRecipeError: The file is missing or malformed, or a recipe is.
    """
    if path is None:
        return default_ladder()
    try:
        rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise InvalidRecipeError(value="file") from None
    known = {item.name for item in fields(TrainingRecipe)}
    if not isinstance(rows, list) or not rows:
        raise InvalidRecipeError(value="file is not a list of recipes")
    for row in rows:
        if not isinstance(row, dict) or not set(row) <= known:
            raise InvalidRecipeError(value="unknown field")
    try:
        return _ROWS.validate_python(rows)
    except ValidationError as error:
        raise InvalidRecipeError(value=str(error.errors()[0]["loc"][1])) from None


@contextmanager
def _refused_as(value: str) -> Iterator[None]:
    """Say of an unknown name or a wrong parameter which value of a recipe it is."""
    try:
        yield
    except (UnknownNameError, TypeError, ValueError):
        raise InvalidRecipeError(value=value) from None
