import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.models import TableLaw, constant_law, llama

from unlearn_core.modeling.generation import Sampling, generate
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.together import Together, greedy_together, parts_of
from unlearn_core.verification.attacks import MixedLaw

END, PAD = 3, 0
PROMPTS = ([7, 19, 4], [200], [31, 31, 8, 150, 99, 2, 60], [5, 6], [200, 1, 1, 1])
BASE, REFERENCE, UNLEARNED = llama(0), llama(1), llama(2)


def served(alpha: float) -> OffsetModel:
    return OffsetModel(BASE, unlearned=UNLEARNED, reference=REFERENCE, alpha=alpha)


def says(*tokens: int) -> TableLaw:
    """Return a law that says these tokens after a prompt of one."""
    rows = [[9.0 if token == own else 0.0 for token in range(4)] for own in tokens]
    return TableLaw(lambda context: rows[len(context) - 1])


def alone(law: NextTokenLaw, *, rows_at_once: int = 256) -> list[list[int]]:
    return generate(
        law,
        PROMPTS,
        Sampling(maximum_tokens=8),
        end_id=END,
        pad_id=PAD,
        seed=0,
        rows_at_once=rows_at_once,
    )


@pytest.mark.parametrize("rows_at_once", [1, 3, 256])
def test_every_law_answers_as_it_does_alone(rows_at_once: int) -> None:
    laws: list[NextTokenLaw] = [PlainLaw(BASE)]
    laws += [served(alpha) for alpha in (-1.0, 0.5, 1.0, 40.0)]
    ticks: list[int] = []
    found = greedy_together(
        laws,
        PROMPTS,
        maximum_tokens=8,
        end_id=END,
        pad_id=PAD,
        rows_at_once=rows_at_once,
        tick=ticks.append,
    )
    assert found == [alone(law) for law in laws]
    assert found[0] != found[-1]
    assert sum(ticks) == len(laws) * len(PROMPTS)


def test_a_model_that_several_laws_are_made_of_stands_there_once() -> None:
    laws: list[NextTokenLaw] = [PlainLaw(BASE), served(1.0), served(2.0)]
    together = Together(laws)
    models = [PlainLaw(model) for model in (BASE, UNLEARNED, REFERENCE)]
    assert list(together.models) == models
    assert len(together.new_caches()) == 3
    ids = torch.tensor([[5, 9, 200]])
    said = together(ids, attention_mask_BS=torch.ones_like(ids)).unbind(dim=-2)
    for number, law in enumerate(laws):
        own = law(ids, attention_mask_BS=torch.ones_like(ids))
        assert torch.equal(together.law(number, said), own)


def test_laws_that_agree_share_the_pass_of_a_model() -> None:
    """Both say 1, 2, 1 after 0, so the model is asked three times and not six."""
    contexts: list[tuple[int, ...]] = []

    def table(context: tuple[int, ...]) -> list[float]:
        contexts.append(context)
        return [0.0, 9.0, 0.0] if len(context) % 2 else [0.0, 0.0, 9.0]

    law = TableLaw(table)
    found = greedy_together(
        [law, MixedLaw((law, 2.0))], [[0]], maximum_tokens=3, end_id=END, pad_id=PAD
    )
    assert found == [[[1, 2, 1]], [[1, 2, 1]]]
    assert contexts == [(0,), (0, 1), (0, 1, 2)]


def test_laws_that_part_go_on_for_themselves() -> None:
    """After 0 the one says 1 and then 2, the other 2 and then 1; both end with 3."""
    one, other = says(1, 2, 3), says(2, 1, 3)
    found = greedy_together(
        [one, other], [[0]], maximum_tokens=9, end_id=END, pad_id=PAD
    )
    assert found == [[[1, 2]], [[2, 1]]]


@given(weights=st.lists(st.floats(0.01, 1), min_size=2, max_size=5))
def test_a_law_that_is_made_of_none_is_its_own_part(weights: list[float]) -> None:
    total = sum(weights)
    law = constant_law(*(weight / total for weight in weights))
    assert parts_of(law) == (law,)
    ids = torch.tensor([[0]])
    said = Together([law])(ids, attention_mask_BS=torch.ones_like(ids))
    assert said.exp()[0, 0, 0].tolist() == pytest.approx(
        [weight / total for weight in weights], rel=1e-5
    )
