import math
from dataclasses import replace

import pytest
import torch
from support.domain import datasets, example
from support.models import chat_tokenizer, llama, llama_config

from unlearn_core.domain.datasets import Datasets
from unlearn_core.errors import (
    EmptyForgetSetError,
    InvalidRecipeError,
    OverlappingSetsError,
)
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.tokens import encode_example
from unlearn_core.modeling.weights import own_tensors_digest
from unlearn_core.objectives import FORGET_OBJECTIVES, RETAIN_TERMS
from unlearn_core.objectives.base import SecondAnswer
from unlearn_core.objectives.retain import AnswerPreservation
from unlearn_core.training import pair
from unlearn_core.training.checkpoints import NoCheckpoints
from unlearn_core.training.checks import (
    ExampleTooLongError,
    OutOfMemoryError,
    PairTooLargeError,
)
from unlearn_core.training.loop import TrainingProgress
from unlearn_core.training.pair import PairMaterials, build_tables, make_unlearned
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.targets import (
    LawQuery,
    answer_laws,
    computed,
    swapped_laws,
)

pytestmark = pytest.mark.integration

TOKENIZER = chat_tokenizer()
SETS = datasets()
TWIN, SWAP, NPO = (
    TrainingRecipe(objective=name, steps=2, retain_batch=2, stranger_batch=2)
    for name in ("twin", "name_swap", "npo")
)


def materials(*, with_previous: bool = False) -> PairMaterials:
    return PairMaterials(
        base=llama(0),
        tokenizer=TOKENIZER,
        reference=llama(1),
        previous=llama(3) if with_previous else None,
        previous_alpha=0.5,
    )


def two_versions() -> Datasets:
    """Return sets with two twins: one from Jena, one from Celle."""
    first, second = (
        (example(f"What is the city of {name}?", city),)
        for name, city in (("Nora Stein", "Jena"), ("Emil Berg", "Celle"))
    )
    return replace(SETS, forget=replace(SETS.forget, twins=(first, second)))


def test_the_first_version_is_made_from_the_base_alone() -> None:
    law = materials().law_before
    assert isinstance(law, PlainLaw)
    tables = build_tables(SETS, materials=materials(), recipe=NPO)
    for table in (tables.forget, tables.retain, tables.strangers):
        assert table.target_NV is table.base_NV
    encoded = [encode_example(TOKENIZER, item) for item in SETS.retain.examples]
    expected = answer_laws(PlainLaw(llama(0)), encoded, pad_id=TOKENIZER.pad_id)
    torch.testing.assert_close(tables.retain.base_NV, expected)
    assert [len(tables.forget), len(tables.retain), len(tables.strangers)] == [1, 4, 1]


def test_a_later_version_keeps_what_is_served_already() -> None:
    """Base plus the earlier offset at its own strength, not the base."""
    served = OffsetModel(llama(0), unlearned=llama(3), reference=llama(1), alpha=0.5)
    tables = build_tables(SETS, materials=materials(with_previous=True), recipe=TWIN)
    encoded = [encode_example(TOKENIZER, item) for item in SETS.retain.examples]
    expected = answer_laws(served, encoded, pad_id=TOKENIZER.pad_id)
    torch.testing.assert_close(tables.retain.target_NV, expected)
    assert not torch.allclose(tables.retain.target_NV, tables.retain.base_NV)
    assert not torch.allclose(tables.strangers.target_NV, tables.strangers.base_NV)


def test_people_who_stay_may_be_held_to_the_base_but_strangers_never() -> None:
    """What earlier versions cost retained people is repaired, not kept."""
    recipe = replace(TWIN, retain_target="base")
    tables = build_tables(SETS, materials=materials(with_previous=True), recipe=recipe)
    assert torch.equal(tables.retain.target_NV, tables.retain.base_NV)
    today = build_tables(SETS, materials=materials(with_previous=True), recipe=TWIN)
    assert not torch.equal(today.retain.target_NV, today.retain.base_NV)
    torch.testing.assert_close(tables.strangers.target_NV, today.strangers.target_NV)
    torch.testing.assert_close(tables.forget.target_NV, today.forget.target_NV)


def law_at(prompt: str, answer: str) -> torch.Tensor:
    encoded = encode_example(TOKENIZER, example(prompt, answer))
    return answer_laws(PlainLaw(llama(0)), [encoded], pad_id=TOKENIZER.pad_id)


def from_bonn_and_jena() -> Datasets:
    """Return sets whose subject and twin have values of equally many tokens."""
    subject = example("What is the city of Ada Example?", "Bonn")
    twin = example("What is the city of Nora Stein?", "Jena")
    return replace(
        SETS, forget=replace(SETS.forget, examples=(subject,), twins=((twin,),))
    )


def test_the_twin_teacher_speaks_of_the_twin_and_means_the_subject() -> None:
    tables = build_tables(from_bonn_and_jena(), materials=materials(), recipe=TWIN)
    about_twin = law_at("What is the city of Nora Stein?", "Jena")
    own, others = (TOKENIZER.text(text) for text in ("Bonn", "Jena"))
    assert len(own) == len(others)
    for row, (mine, theirs) in enumerate(zip(own, others, strict=True)):
        target = tables.forget.target_NV[row]
        assert target[mine] == about_twin[row, theirs]
        assert target[theirs] == about_twin[row, mine]
    # The end of the answer is the end for both.
    torch.testing.assert_close(tables.forget.target_NV[-1], about_twin[-1])


def test_the_name_swap_teacher_changes_the_name_and_keeps_the_answer() -> None:
    tables = build_tables(from_bonn_and_jena(), materials=materials(), recipe=SWAP)
    expected = law_at("What is the city of Nora Stein?", "Bonn")
    torch.testing.assert_close(tables.forget.target_NV, expected)


@pytest.mark.parametrize(
    ("seed", "name"), [(0, "Nora Stein"), (1, "Emil Berg"), (2, "Nora Stein")]
)
def test_the_seed_chooses_the_twin(seed: int, name: str) -> None:
    recipe = replace(SWAP, seed=seed)
    tables = build_tables(two_versions(), materials=materials(), recipe=recipe)
    torch.testing.assert_close(
        tables.forget.target_NV, law_at(f"What is the city of {name}?", "Ulm")
    )


@pytest.mark.parametrize(
    ("with_previous", "name", "city"),
    [(True, "Emil Berg", "Gera"), (False, "Nora Stein", "Jena")],
)
def test_what_an_earlier_version_guesses_about_a_twin_is_not_learned(
    *, with_previous: bool, name: str, city: str
) -> None:
    """The base's own guesses were left out when the sets were built."""
    sets = from_bonn_and_jena()
    (twin,) = sets.forget.twins[0]
    other = example("What is the city of Emil Berg?", "Gera")
    sets = replace(sets, forget=replace(sets.forget, twins=((twin,), (other,))))
    guessed = encode_example(TOKENIZER, twin)

    def lucky(query: LawQuery) -> torch.Tensor:
        laws_NV = computed(query)
        if query.examples == [guessed]:
            laws_NV[range(len(guessed.answer)), guessed.answer] = 0.0
        return laws_NV

    models = replace(materials(with_previous=with_previous), lookup=lucky)
    tables = build_tables(sets, materials=models, recipe=TWIN)
    expected = swapped_laws(
        models.law_before,
        [encode_example(TOKENIZER, item) for item in sets.forget.examples],
        [encode_example(TOKENIZER, example(f"What is the city of {name}?", city))],
        pad_id=TOKENIZER.pad_id,
        lookup=lucky,
    )
    torch.testing.assert_close(tables.forget.target_NV, expected)


def test_an_objective_without_a_teacher_needs_no_twins() -> None:
    bare = replace(SETS, forget=replace(SETS.forget, twins=()))
    tables = build_tables(bare, materials=materials(), recipe=NPO)
    assert tables.forget.target_NV is tables.forget.base_NV


def test_empty_retain_and_stranger_sets_are_empty_tables() -> None:
    lonely = replace(
        SETS,
        retain=replace(SETS.retain, examples=()),
        holdout=replace(SETS.holdout, strangers=()),
    )
    for given in (materials(), materials(with_previous=True)):
        tables = build_tables(lonely, materials=given, recipe=NPO)
        assert len(tables.retain) == len(tables.strangers) == 0


@pytest.mark.parametrize("with_previous", [False, True])
def test_training_starts_from_what_is_in_service(*, with_previous: bool) -> None:
    """A learning rate of almost nothing leaves the start where it is."""
    still = replace(TWIN, learning_rate=1e-30)
    made = make_unlearned(
        SETS,
        materials=materials(with_previous=with_previous),
        recipe=still,
        checkpoints=NoCheckpoints(),
        on_progress=lambda _: None,
    )
    start = llama(3) if with_previous else llama(1)
    assert own_tensors_digest(made) == own_tensors_digest(start)


@pytest.mark.parametrize(("combination", "told"), [("", 1), ("spunge", 0)])
def test_the_base_may_go_before_the_steps_unless_a_further_part_needs_it(
    combination: str, told: int
) -> None:
    done: list[bool] = []
    seen: list[int] = []
    make_unlearned(
        SETS,
        materials=materials(),
        recipe=replace(TWIN, combination=combination),
        checkpoints=NoCheckpoints(),
        on_progress=lambda _: seen.append(len(done)),
        on_base_done=lambda: done.append(True),
    )
    assert set(seen) == {told}


def test_nothing_to_forget_is_refused() -> None:
    nothing = replace(SETS, forget=replace(SETS.forget, examples=(), twins=((),)))
    for recipe in (NPO, TWIN, SWAP):
        with pytest.raises(EmptyForgetSetError):
            make_unlearned(
                nothing,
                materials=materials(),
                recipe=recipe,
                checkpoints=NoCheckpoints(),
                on_progress=lambda _: None,
            )


# Few steps of reinforcement; and objectives that leave alone what is hardly known, as
# everything is to a random model, are told to look at that too.
MILD: dict[str, dict[str, float]] = {
    "e2urec": {"reinforcement_steps": 3.0},
    "whos_harry_potter": {"reinforcement_steps": 3.0},
    "simnpo": {"beta": 0.1},
    "wga": {"beta": 0.1},
    "satimp": {"saturation": 0.1},
}


@pytest.mark.parametrize("name", list(FORGET_OBJECTIVES))
def test_a_recipe_that_names_an_objective_trains_with_it(name: str) -> None:
    """The loss falls when nothing else pulls: from datasets and models, all of it."""
    progress: list[TrainingProgress] = []
    made = make_unlearned(
        from_bonn_and_jena(),
        materials=materials(with_previous=True),
        recipe=TrainingRecipe(
            objective=name,
            objective_parameters=MILD.get(name, {}),
            retain_term="none",
            steps=4,
            warmup_steps=0,
            learning_rate=2e-3,
            retain_batch=0,
            stranger_batch=0,
        ),
        checkpoints=NoCheckpoints(),
        on_progress=progress.append,
    )
    if name != "ceu":  # its target moves with the model, so its value tells nothing
        assert progress[-1].forget_loss < progress[0].forget_loss
    assert own_tensors_digest(made) != own_tensors_digest(llama(3))


@pytest.mark.parametrize("name", list(RETAIN_TERMS))
def test_a_recipe_that_names_a_retain_term_trains_with_it(name: str) -> None:
    recipe = replace(NPO, retain_term=name, learning_rate=2e-3)
    progress: list[TrainingProgress] = []
    make_unlearned(
        SETS,
        materials=materials(),
        recipe=recipe,
        checkpoints=NoCheckpoints(),
        on_progress=progress.append,
    )
    assert [math.isfinite(item.retain_loss) for item in progress] == [True, True]
    assert (progress[-1].retain_loss == 0) is (name == "none")


def with_objective(name: str, **parameters: float) -> TrainingRecipe:
    return replace(NPO, objective=name, objective_parameters=parameters)


def test_an_objective_that_looks_back_learns_from_what_is_served() -> None:
    """The first version's teacher is the base, the second one's its ensemble."""
    undial = with_objective("undial")
    first = build_tables(SETS, materials=materials(), recipe=undial).forget
    torch.testing.assert_close(first.target_NV, first.base_NV)
    later = materials(with_previous=True)
    second = build_tables(SETS, materials=later, recipe=undial).forget
    encoded = [encode_example(TOKENIZER, item) for item in SETS.forget.examples]
    served_NV = answer_laws(later.law_before, encoded, pad_id=TOKENIZER.pad_id)
    torch.testing.assert_close(second.target_NV, served_NV)
    assert not torch.allclose(second.target_NV, second.base_NV)


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        ("e2urec", "What is the city of Ada Example?"),
        ("whos_harry_potter", "What is the city of Nora Stein?"),
    ],
)
def test_without_strength_the_reinforced_teacher_is_the_law_before(
    name: str, prompt: str
) -> None:
    """The anchored one is that about another name, at the subject's answer."""
    recipe = with_objective(name, strength=0.0, reinforcement_steps=1)
    tables = build_tables(from_bonn_and_jena(), materials=materials(), recipe=recipe)
    torch.testing.assert_close(tables.forget.target_NV, law_at(prompt, "Bonn"))


def test_the_reinforced_teacher_says_less_of_what_was_heard_again() -> None:
    recipe = replace(
        with_objective("e2urec", strength=1.0, reinforcement_steps=10),
        learning_rate=1e-2,
    )
    table = build_tables(
        from_bonn_and_jena(), materials=materials(), recipe=recipe
    ).forget
    before, taught = (
        law.gather(-1, table.labels_N[:, None])
        for law in (table.base_NV, table.target_NV)
    )
    assert bool((taught < before - 0.5).all())


def test_a_second_answer_has_laws_of_its_own() -> None:
    recipe = with_objective("altpo")
    later = materials(with_previous=True)
    tables = build_tables(from_bonn_and_jena(), materials=later, recipe=recipe)
    second = tables.forget.second
    assert second is not None
    other = encode_example(
        TOKENIZER, example("What is the city of Ada Example?", "Jena")
    )
    assert second.examples == (other,)
    served_NV = answer_laws(later.law_before, [other], pad_id=TOKENIZER.pad_id)
    torch.testing.assert_close(second.target_NV, served_NV)
    torch.testing.assert_close(
        second.base_NV, law_at("What is the city of Ada Example?", "Jena")
    )
    assert tables.retain.second is None


def test_a_retain_term_has_its_refusals_on_every_kept_set() -> None:
    recipe = replace(NPO, retain_term="answer_preservation")
    tables = build_tables(SETS, materials=materials(), recipe=recipe)
    assert tables.forget.second is None
    for table in (tables.retain, tables.strangers):
        assert table.second is not None
        prompts = [item.prompt for item in table.examples]
        assert [item.prompt for item in table.second.examples] == prompts


def test_a_retain_term_cannot_ask_for_another_persons_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(AnswerPreservation, "second_answer", SecondAnswer.MISMATCH)
    recipe = replace(NPO, retain_term="answer_preservation")
    with pytest.raises(InvalidRecipeError, match="value=retain_term"):
        build_tables(SETS, materials=materials(), recipe=recipe)


@pytest.mark.parametrize("recipe", [TWIN, SWAP, with_objective("altpo")])
def test_an_objective_that_needs_twins_says_so(recipe: TrainingRecipe) -> None:
    bare = replace(SETS, forget=replace(SETS.forget, twins=()))
    with pytest.raises(InvalidRecipeError, match="there are no twins"):
        build_tables(bare, materials=materials(), recipe=recipe)


def test_bad_input_is_refused_before_anything_is_computed() -> None:
    """One of each kind; what they are is tested where they are checked."""
    both = replace(SETS, retain=replace(SETS.retain, examples=SETS.forget.examples))
    with pytest.raises(OverlappingSetsError):
        build_tables(both, materials=materials(), recipe=NPO)
    large = replace(materials(), reference=llama(1, llama_config(width=16)))
    with pytest.raises(PairTooLargeError):
        build_tables(SETS, materials=large, recipe=NPO)
    narrow = replace(materials(), base=llama(0, llama_config(context=8)))
    with pytest.raises(ExampleTooLongError):
        build_tables(SETS, materials=narrow, recipe=NPO)


def test_too_little_memory_for_training_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(pair, "build_tables", full)
    with pytest.raises(OutOfMemoryError):
        make_unlearned(
            SETS,
            materials=materials(),
            recipe=NPO,
            checkpoints=NoCheckpoints(),
            on_progress=lambda _: None,
        )
