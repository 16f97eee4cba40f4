import math
from dataclasses import replace
from pathlib import Path

import pytest

from unlearn_core.domain.artifacts import MAXIMUM_ALPHA
from unlearn_core.domain.canonical import digest_of_json
from unlearn_core.errors import InvalidRecipeError
from unlearn_core.objectives.npo import NegativePreference
from unlearn_core.objectives.retain import LogRatio
from unlearn_core.training.recipe import TrainingRecipe, default_ladder, load_ladder


@pytest.fixture
def ladder_file(tmp_path: Path) -> Path:
    return tmp_path / "ladder.yaml"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scheme", "nobody"),
        ("precision", "float16"),
        ("objective", "nobody"),
        ("retain_term", "nobody"),
        ("steps", 0),
        ("learning_rate", 0.0),
        ("learning_rate", math.nan),
        ("learning_rate", math.inf),
        ("alpha", 0.0),
        ("alpha", -1.0),
        ("alpha", math.nan),
        ("alpha", MAXIMUM_ALPHA + 0.1),
        ("maximum_gradient_norm", 0.0),
        ("forget_batch", 0),
        ("retain_batch", -1),
        ("stranger_batch", -1),
        ("warmup_steps", -1),
        # A negative weight would train on forgetting everybody.
        ("retain_weight", -0.1),
        ("stranger_weight", -0.1),
        ("stranger_weight", math.nan),
        ("lora_rank", -1),
        ("lora_alpha", 0.0),
        ("retain_target", "nobody"),
        ("hold_weight", -0.1),
        ("hold_weight", math.inf),
        ("repair_steps", -1),
        ("repair_steps", 200),
        ("retain_focus", -0.1),
        ("retain_focus", 1.1),
        ("retain_focus", math.nan),
        ("calibration", {"gap": 1.5}),
        ("calibration", {"patience": 3}),
    ],
)
def test_a_value_that_cannot_work_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(InvalidRecipeError, match=f"value={field}"):
        replace(TrainingRecipe(), **{field: value})  # type: ignore[arg-type]  # any field


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"objective": "npo", "objective_parameters": {"gamma": 1.0}}, "objective"),
        ({"objective": "npo", "objective_parameters": {"beta": 0.0}}, "objective"),
        ({"retain_parameters": {"beta": 1.0}}, "retain_term"),
        ({"optimizer": "nobody"}, "optimizer"),
        ({"optimizer": "sophia", "optimizer_parameters": {"gamma": 0.0}}, "optimizer"),
        ({"mask": "nobody"}, "mask"),
        ({"combination": "nobody"}, "combination"),
        ({"combination": "fusion", "scheme": "divergence"}, "combination"),
        (
            {"combination": "negation", "combination_parameters": {"weight": 0.0}},
            "combination",
        ),
        ({"mask": "wagle", "mask_parameters": {"share": 2.0}}, "mask"),
        ({"retain_focus": 0.5, "scheme": "divergence"}, "retain_focus"),
        ({"later_requests": {"nobody": 1.0}}, "later_requests"),
        ({"later_requests": {"objective": 1.0}}, "later_requests"),
        ({"later_requests": {"recompute": 1.0}}, "later_requests"),
        # A later version has the strength of the one before.
        ({"later_requests": {"alpha": 2.0}}, "later_requests"),
        ({"later_requests": {"steps": 1.5}}, "later_requests"),
        ({"later_requests": {"steps": math.nan}}, "later_requests"),
        ({"later_requests": {"steps": 0.0}}, "steps"),
        ({"later_requests": {"hold_weight": 1.0}, "lora_rank": 4}, "hold_weight"),
        ({"hold_weight": 1.0, "lora_rank": 4}, "hold_weight"),
        ({"hold_weight": 1.0, "combination": "fusion"}, "hold_weight"),
        ({"hold_weight": 1.0, "scheme": "divergence"}, "hold_weight"),
    ],
)
def test_a_hyperparameter_that_cannot_work_is_refused(
    parameters: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidRecipeError, match=f"value={field}"):
        TrainingRecipe(**parameters)  # type: ignore[arg-type]  # any field


def test_zero_batches_and_weights_switch_a_term_off() -> None:
    recipe = TrainingRecipe(
        retain_batch=0, stranger_batch=0, retain_weight=0.0, warmup_steps=0
    )
    assert recipe.retain_batch == 0


def test_hyperparameters_reach_their_objectives() -> None:
    recipe = TrainingRecipe(
        objective="npo",
        objective_parameters={"beta": 0.5},
        retain_parameters={"label_weight": 2.0},
    )
    assert recipe.forget_objective() == NegativePreference(beta=0.5)
    assert recipe.retain_objective() == LogRatio(label_weight=2.0)


def test_the_digest_covers_every_field() -> None:
    first = TrainingRecipe()
    assert first.digest == digest_of_json(first.to_json())
    assert first.digest == TrainingRecipe().digest
    changed = {replace(first, seed=1).digest, replace(first, alpha=1.5).digest}
    parameters = replace(first, objective_parameters={"label_weight": 0.2})
    assert len({first.digest, parameters.digest, *changed}) == 4
    assert len(first.to_json()) == 17


def test_the_default_ladder_tries_harder_with_every_rung() -> None:
    ladder = default_ladder()
    assert load_ladder(None) == ladder
    later = [recipe.for_later_requests() for recipe in ladder]
    assert [recipe.steps for recipe in ladder] == [200, 300, 400]
    assert [recipe.steps for recipe in later] == [125, 200, 200]
    assert len({recipe.seed for recipe in ladder}) == 3


def test_by_default_a_later_request_holds_and_repairs_and_the_first_does_not() -> None:
    first = default_ladder()[0]
    assert replace(first, later_requests={}) == TrainingRecipe(
        objective_parameters={"margin": 0.5}, retain_target="base"
    )
    assert first.for_later_requests() == TrainingRecipe(
        objective_parameters={"margin": 0.5},
        retain_target="base",
        steps=125,
        retain_batch=64,
        retain_weight=10.0,
        retain_focus=0.5,
        repair_steps=25,
        hold_weight=50.0,
    )


def test_without_differences_a_later_request_is_trained_as_the_first() -> None:
    recipe = TrainingRecipe(steps=7)
    assert recipe.for_later_requests() == recipe
    assert recipe.digest == digest_of_json(recipe.to_json())
    assert "later_requests" not in recipe.to_json()


def test_whole_numbers_stay_whole_where_they_differ(ladder_file: Path) -> None:
    ladder_file.write_text("- later_requests: {steps: 3, hold_weight: 2}\n")
    [recipe] = load_ladder(ladder_file)
    later = recipe.for_later_requests()
    assert (later.steps, later.hold_weight) == (3, 2.0)
    assert isinstance(later.steps, int)
    assert isinstance(later.hold_weight, float)


def test_a_ladder_file_is_a_list_of_recipes(ladder_file: Path) -> None:
    ladder_file.write_text(
        "- objective: npo\n"
        "  objective_parameters: {beta: 1}\n"
        "  steps: 7\n"
        "- {alpha: 2, seed: 3}\n"
    )
    assert load_ladder(ladder_file) == (
        TrainingRecipe(objective="npo", objective_parameters={"beta": 1.0}, steps=7),
        TrainingRecipe(alpha=2.0, seed=3),
    )


def test_a_whole_number_in_yaml_is_a_number_like_any_other(ladder_file: Path) -> None:
    """The manifest admits an offset strength of 1.0 only as a float."""
    ladder_file.write_text("- alpha: 1\n")
    [recipe] = load_ladder(ladder_file)
    assert isinstance(recipe.alpha, float)
    assert recipe.digest == TrainingRecipe().digest


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- [", "value=file"),
        ("", "not a list of recipes"),
        ("[]", "not a list of recipes"),
        ("steps: 3", "not a list of recipes"),
        ("- 3", "unknown field"),
        ("- {}\n- {stepps: 3}", "unknown field"),
        ("- {steps: many}", "value=steps"),
        ("- {steps: 1.5}", "value=steps"),
        ("- {}\n- {seed: null}", "value=seed"),
        ("- {objective_parameters: {beta: much}}", "value=objective_parameters"),
        ("- {objective: [npo]}", "value=objective"),
        ("- {learning_rate: .nan}", "value=learning_rate"),
        ("- !!python/object/apply:os.getcwd []", "value=file"),
    ],
)
def test_a_malformed_ladder_file_is_refused(
    ladder_file: Path, text: str, problem: str
) -> None:
    ladder_file.write_text(text)
    with pytest.raises(InvalidRecipeError, match=problem):
        load_ladder(ladder_file)


def test_an_unreadable_ladder_file_is_refused(ladder_file: Path) -> None:
    with pytest.raises(InvalidRecipeError, match="value=file"):
        load_ladder(ladder_file)
    ladder_file.write_bytes(b"- seed: \xff")
    with pytest.raises(InvalidRecipeError, match="value=file"):
        load_ladder(ladder_file)


def test_a_field_that_came_later_leaves_older_digests_as_they_were() -> None:
    """The names and the digest are those of the first format."""
    assert sorted(TrainingRecipe().to_json()) == sorted(
        [
            *("scheme", "objective", "objective_parameters", "retain_term"),
            *("retain_parameters", "retain_weight", "stranger_weight", "alpha"),
            *("steps", "warmup_steps", "learning_rate", "forget_batch"),
            *("retain_batch", "stranger_batch", "maximum_gradient_norm"),
            *("precision", "seed"),
        ]
    )
    assert TrainingRecipe().digest.startswith("sha256:cb552d19add1e61a")
    used = TrainingRecipe(lora_rank=4, lora_targets=("q_proj",)).to_json()
    assert (used["lora_rank"], used["lora_targets"]) == (4, ["q_proj"])
    assert "lora_alpha" not in used
    used = TrainingRecipe(optimizer="sophia", mask_parameters={}).to_json()
    assert used["optimizer"] == "sophia"
    assert not {"optimizer_parameters", "mask", "mask_parameters"} & set(used)


def test_a_ladder_can_ask_for_adapters(ladder_file: Path) -> None:
    ladder_file.write_text("- {lora_rank: 4, lora_alpha: 8, lora_targets: [q_proj]}\n")
    (read,) = load_ladder(ladder_file)
    assert (read.lora_rank, read.lora_alpha, read.lora_targets) == (4, 8, ("q_proj",))
