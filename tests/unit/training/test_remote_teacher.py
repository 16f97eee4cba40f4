from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from support.domain import datasets
from support.models import VOCABULARY, chat_tokenizer, llama, token_rows
from support.runs import KeptLaws

from unlearn_core.adapters.memory.teaching import MemoryLogprobs
from unlearn_core.domain.canonical import digest_of
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.tokens import TokenizedExample
from unlearn_core.modeling.weights import frozen, own_tensors_digest
from unlearn_core.training.checkpoints import NoCheckpoints
from unlearn_core.training.pair import PairMaterials, make_unlearned
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.remote_teacher import KeptLogprobs, RemoteTeacher
from unlearn_core.training.targets import BASE, BEFORE, LawQuery, answer_laws

ROWS = token_rows(((5, 6), (41, 40)), ((4,), (42,)))
CONTEXTS = [(5, 6), (5, 6, 41), (4,)]
MODELS = digest_of(b"models")


def elsewhere(told: int = VOCABULARY) -> MemoryLogprobs:
    return MemoryLogprobs(PlainLaw(llama(0)), told=told)


def materials(*, with_previous: bool = False) -> PairMaterials:
    return PairMaterials(
        base=frozen(llama(0), device=torch.device("meta")),
        tokenizer=chat_tokenizer(),
        reference=llama(1),
        previous=llama(3) if with_previous else None,
        previous_alpha=0.5,
    )


def test_what_was_told_is_kept_and_nothing_is_asked_twice() -> None:
    store, source = KeptLaws(), elsewhere(2)
    told = KeptLogprobs(source, store, models=MODELS).likeliest(CONTEXTS)
    again = KeptLogprobs(source, store, models=MODELS).likeliest(CONTEXTS)
    assert again == told
    assert [len(item) for item in told] == [2, 2, 2]
    assert source.asked == CONTEXTS


def test_other_models_and_other_texts_are_asked_about() -> None:
    store, source = KeptLaws(), elsewhere(2)
    KeptLogprobs(source, store, models=MODELS).likeliest(CONTEXTS)
    KeptLogprobs(source, store, models=digest_of(b"others")).likeliest(CONTEXTS)
    KeptLogprobs(source, store, models=MODELS).likeliest(CONTEXTS[:2])
    assert len(source.asked) == 8


def about_base(rows: Sequence[TokenizedExample]) -> LawQuery:
    return LawQuery(role=BASE, law=PlainLaw(llama(0)), examples=rows, pad_id=0)


@pytest.mark.parametrize("role", [BASE, BEFORE])
def test_a_base_that_tells_everything_is_as_good_as_one_that_is_here(
    role: str,
) -> None:
    here = replace(materials(with_previous=True), base=llama(0))
    law = PlainLaw(here.base) if role == BASE else here.law_before
    teacher = RemoteTeacher(elsewhere(), materials=materials(with_previous=True))
    torch.testing.assert_close(
        teacher(LawQuery(role=role, law=law, examples=ROWS, pad_id=0)),
        answer_laws(law, ROWS, pad_id=0),
        rtol=0,
        atol=2e-5,
    )
    assert teacher.untold < 1e-5


def test_the_largest_rest_is_known_and_bounds_the_error() -> None:
    """Also when nothing had to be asked any more."""
    store = KeptLaws()
    exact_NV = answer_laws(PlainLaw(llama(0)), ROWS, pad_id=0)
    rest = float(1 - exact_NV.exp().topk(10).values.sum(-1).min())
    for source in (elsewhere(10), MemoryLogprobs(PlainLaw(llama(9)), told=10)):
        teacher = RemoteTeacher(
            KeptLogprobs(source, store, models=MODELS), materials=materials()
        )
        law_NV = teacher(about_base(ROWS))
        assert teacher.untold == pytest.approx(rest, abs=1e-5)
        variation_N = (law_NV.exp() - exact_NV.exp()).abs().sum(-1) / 2
        assert 0 < float(variation_N.max()) <= teacher.untold


def test_nothing_is_asked_about_nothing() -> None:
    source = elsewhere()
    law_NV = RemoteTeacher(source, materials=materials())(about_base([]))
    assert law_NV.shape == (0, 0)
    assert source.asked == []


@pytest.mark.parametrize("with_previous", [False, True])
def test_a_pair_is_trained_without_the_weights_of_the_base(
    *, with_previous: bool
) -> None:
    """The base of the materials is a shape on the meta device."""
    shape = materials(with_previous=with_previous)
    teacher = RemoteTeacher(elsewhere(20), materials=shape)
    made = make_unlearned(
        datasets(),
        materials=replace(shape, lookup=teacher),
        recipe=TrainingRecipe(steps=2, retain_batch=2, stranger_batch=2),
        checkpoints=NoCheckpoints(),
        on_progress=lambda _: None,
    )
    assert own_tensors_digest(made) != own_tensors_digest(llama(1))
    assert 0 < teacher.untold < 1
