import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.models import TableLaw, constant_law, llama
from transformers import DynamicCache

from unlearn_core.modeling.generation import Decoder, Sampling, generate
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.together import (
    Together,
    _in_batches,
    greedy_together,
    parts_of,
    row_bytes,
)
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


def test_what_a_row_takes_is_counted_from_the_model_s_shape() -> None:
    """Width 8, inner 16, 2 heads of 4, one of them kept, 2 layers, 272 tokens known.

    Cache: 2 (keys, values) x 4 x 2 layers x 4 bytes is 64 a token, 640 for ten. Laws:
    4 x 272. The widest layer, six tokens: 6 x (4 x 8 + 3 x 16 + 2 x 6) = 552.
    """
    law = PlainLaw(BASE)
    found = row_bytes(law, prompt=6, tokens=10)
    assert found == 640 + 4 * (4 * 272 + 552)
    assert row_bytes(constant_law(0.5, 0.5), prompt=6, tokens=10) == 0
    decoder = Decoder(law, [[1] * 10], pad_id=PAD)
    (cache,) = decoder._caches
    assert isinstance(cache, DynamicCache)
    held = [tensor for layer in cache for tensor in layer if tensor is not None]
    assert sum(tensor.nbytes for tensor in held) == 640


@pytest.mark.parametrize(
    ("rows", "memory", "expected"),
    [
        # Lengths 1, 2, 3, 4, 7; a row takes its batch's longest.
        (9, 1000, [[1, 3, 0, 4, 2]]),
        (2, 1000, [[1, 3], [0, 4], [2]]),
        # 3 x 3 is the most that fits into 9; 2 x 4 is 8, 2 x 7 too many.
        (9, 9, [[1, 3, 0], [4], [2]]),
        # Nothing fits: one by one.
        (9, 0, [[1], [3], [0], [4], [2]]),
    ],
)
def test_batches_are_bounded_by_rows_and_by_bytes(
    rows: int, memory: int, expected: list[list[int]]
) -> None:
    lengths = [len(prompt) for prompt in PROMPTS]
    order = sorted(range(5), key=lambda place: lengths[place])
    found = _in_batches(
        order,
        lengths=lengths,
        most=rows,
        bytes_of=lambda prompt: prompt,
        memory_bytes=memory,
    )
    assert list(found) == expected


@pytest.mark.parametrize("memory", [0, 100_000, 2**30])
def test_little_memory_changes_no_answer(memory: int) -> None:
    laws: list[NextTokenLaw] = [PlainLaw(BASE), served(1.0)]
    found = greedy_together(
        laws,
        PROMPTS,
        maximum_tokens=8,
        end_id=END,
        pad_id=PAD,
        memory_bytes=memory,
    )
    assert found == [alone(law) for law in laws]


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
