import random
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.smallworld import MICRO_MODEL, MICRO_WORLD, write_world

from unlearn_core.modeling.tokens import TokenizedExample
from unlearn_core.modeling.weights import (
    LanguageModel,
    load_language_model,
    new_model,
    own_tensors_digest,
)
from unlearn_core.smallworld import base_model
from unlearn_core.smallworld.base_model import (
    ModelRecipe,
    WorldRecipe,
    encode_documents,
    train_model,
    train_world_models,
)
from unlearn_core.smallworld.corpus import Document, read_documents

pytestmark = pytest.mark.integration

CPU = torch.device("cpu")
Steps = list[tuple[str, int, int]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    _, paths = write_world(tmp_path_factory.mktemp("sources"))
    return read_documents(paths)


@pytest.fixture(scope="module")
def told(folder: Path, documents: list[Document]) -> Steps:
    """Train the micro world once and return what was told meanwhile."""
    steps: Steps = []
    train_world_models(
        documents,
        folder,
        recipe=MICRO_WORLD,
        on_progress=lambda name, step, of, _loss: steps.append((name, step, of)),
    )
    return steps


@pytest.fixture(scope="module")
def trained(folder: Path, told: Steps) -> LanguageModel:
    assert told
    return load_language_model(folder / "base", device=CPU)


WORLD_CHANGES: dict[str, object] = {
    "world_seed": 1,
    "trained_people": 201,
    "control_people": 81,
    "vocabulary": 1537,
    "context": 257,
}
MODEL_CHANGES: dict[str, float] = {
    "width": 512,
    "layers": 3,
    "inner_width": 513,
    "epochs": 13,
    "matrix_rate": 0.5,
    "other_rate": 0.5,
    "batch_rows": 97,
    "seed": 7,
}


def test_the_tables_of_changes_name_every_field_of_the_recipes() -> None:
    models = {"base", "reference"}
    assert set(WORLD_CHANGES) | models == {item.name for item in fields(WorldRecipe)}
    assert set(MODEL_CHANGES) == {item.name for item in fields(ModelRecipe)}


@pytest.mark.parametrize("name", WORLD_CHANGES)
def test_every_value_of_the_world_changes_the_key(name: str) -> None:
    changed = replace(WorldRecipe(), **{name: WORLD_CHANGES[name]})  # type: ignore[arg-type]  # values by name

    assert changed.key != WorldRecipe().key


@pytest.mark.parametrize("model", ["base", "reference"])
@pytest.mark.parametrize("name", MODEL_CHANGES)
def test_every_value_of_a_model_changes_the_key(model: str, name: str) -> None:
    world = WorldRecipe()
    recipe = replace(getattr(world, model), **{name: MODEL_CHANGES[name]})

    assert replace(world, **{model: recipe}).key != world.key


def test_equal_recipes_have_the_same_key() -> None:
    assert WorldRecipe().key == WorldRecipe().key
    assert len(WorldRecipe().key) == 16


def test_both_models_are_trained_to_their_last_step(told: Steps) -> None:
    # 600 plain texts, 168 questions and 12 rows, 96 at a time.
    assert told[-1] == ("base", 9, 9)
    assert ("reference", 9, 9) in told


def test_base_and_reference_share_the_tokenizer_and_not_the_weights(
    folder: Path, trained: LanguageModel
) -> None:
    reference = load_language_model(folder / "reference", device=CPU)

    assert reference.identity.tokenizer == trained.identity.tokenizer
    assert reference.identity.base != trained.identity.base


def test_a_model_is_kept_frozen(trained: LanguageModel) -> None:
    assert not any(item.requires_grad for item in trained.model.parameters())
    assert not trained.model.training


def test_digits_stay_single_tokens(trained: LanguageModel) -> None:
    ids = trained.tokenizer.text("KD-123456")

    assert [trained.tokenizer.decode([token]) for token in ids][-6:] == list("123456")


@settings(max_examples=40, deadline=None)
@given(text=st.text(max_size=40))
def test_every_text_survives_the_tokenizer(trained: LanguageModel, text: str) -> None:
    tokenizer = trained.tokenizer
    specials = ("<|pad|>", "<|user|>", "<|assistant|>", "<|end|>")
    if any(special in text for special in specials):
        return
    assert tokenizer.decode(tokenizer.text(text)) == text


def test_the_chat_template_marks_who_speaks(trained: LanguageModel) -> None:
    tokenizer = trained.tokenizer
    user, assistant, end = 1, 2, 3

    assert (tokenizer.pad_id, tokenizer.end_id) == (0, end)
    assert tokenizer.conversation(
        [
            {"role": "system", "content": "a"},
            {"role": "user", "content": "b"},
            {"role": "assistant", "content": "c"},
        ]
    ) == [
        *tokenizer.text("a"),
        end,
        user,
        *tokenizer.text("b"),
        assistant,
        *tokenizer.text("c"),
        end,
        assistant,
    ]


def test_a_plain_text_is_all_answer_and_a_question_is_none(
    trained: LanguageModel,
) -> None:
    tokenizer = trained.tokenizer
    plain, asked = encode_documents(
        tokenizer,
        [Document(question=None, text="abc"), Document(question="a?", text="b")],
    )

    assert plain.prompt == ()
    assert plain.answer == (*tokenizer.text("abc"), tokenizer.end_id)
    assert asked.prompt == tuple(tokenizer.question("a?"))
    assert asked.answer == (*tokenizer.text("b"), tokenizer.end_id)


def _examples(count: int) -> list[TokenizedExample]:
    return [
        TokenizedExample(prompt=(1, 5 + row % 7, 2), answer=(12 + row % 7, 3))
        for row in range(count)
    ]


def _train(recipe: ModelRecipe) -> tuple[str, list[float]]:
    losses: list[float] = []
    model = train_model(
        _examples(14),
        recipe=recipe,
        vocabulary=20,
        context=8,
        on_progress=lambda _step, _steps, loss: losses.append(loss),
    )
    return own_tensors_digest(model), losses


def test_the_same_seed_trains_the_same_weights() -> None:
    assert _train(MICRO_MODEL)[0] == _train(MICRO_MODEL)[0]
    assert _train(MICRO_MODEL)[0] != _train(replace(MICRO_MODEL, seed=1))[0]


def test_training_learns_what_it_is_shown() -> None:
    _, [*_, loss] = _train(replace(MICRO_MODEL, epochs=150))

    # Guessing among seven answers costs ln(7) / 2 = 0.97 nats a token.
    assert loss < 0.1


def test_matrices_of_the_layers_go_to_muon_and_nothing_else() -> None:
    config = base_model._config(MICRO_MODEL, vocabulary=20, context=8)
    model = new_model(config, device=CPU)

    muon, adam = base_model._optimizers(model, MICRO_MODEL)

    names = {id(value): name for name, value in model.named_parameters()}
    by_muon = {names[id(item)] for item in muon.param_groups[0]["params"]}
    by_adam = {names[id(item)] for item in adam.param_groups[0]["params"]}
    assert len(by_muon) == 7
    assert all(".layers.0." in name and "norm" not in name for name in by_muon)
    assert by_muon | by_adam == set(names.values())
    assert "model.embed_tokens.weight" in by_adam


@pytest.mark.parametrize(
    ("step", "share"),
    [
        (0, 1 / 50),
        (24, 25 / 50),
        (49, 1.0),
        (400, 1.0),
        (700, 0.5),
        (999, 0.01),
    ],
    ids=["first", "warming up", "warm", "last of the plateau", "half way down", "last"],
)
def test_the_learning_rate_warms_up_holds_and_falls(step: int, share: float) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.2)

    for present in {0, step}:
        base_model._set_rates([optimizer], present, 1000)

    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.2 * share)


@given(
    count=st.integers(min_value=0, max_value=70),
    rows=st.integers(min_value=1, max_value=5),
    seed=st.integers(),
)
def test_an_epoch_shows_every_example_once(count: int, rows: int, seed: int) -> None:
    examples = [TokenizedExample(prompt=(), answer=(row,)) for row in range(count)]

    batches = base_model._batches(examples, rows, random.Random(seed))

    shown = [example.answer[0] for batch in batches for example in batch]
    assert sorted(shown) == list(range(count))
    assert all(0 < len(batch) <= rows for batch in batches)
