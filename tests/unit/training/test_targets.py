from functools import partial

import pytest
import torch
from support.models import TableLaw, constant_law, llama, token_rows

from unlearn_core.errors import InvalidRecipeError
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.tokens import in_chunks
from unlearn_core.training import targets
from unlearn_core.training.targets import answer_laws, build_table, swapped_laws

ROWS = token_rows(((5, 6), (7, 8, 9)), ((4,), (3,)), ((1, 1, 1), (2, 0)))


def test_laws_stand_at_the_positions_that_predict_answers() -> None:
    """The law of a context is its length, so every row says where it was taken."""
    law = TableLaw(lambda context: [-float(len(context)), 0.0])
    lengths = -answer_laws(law, ROWS, pad_id=0)[:, 0]
    assert lengths.tolist() == [2, 3, 4, 1, 3, 4]


def test_laws_do_not_depend_on_how_rows_are_batched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    law = PlainLaw(llama(0))
    together = answer_laws(law, ROWS, pad_id=0)
    monkeypatch.setattr(targets, "in_chunks", partial(in_chunks, tokens=1))
    alone = answer_laws(law, ROWS, pad_id=0)
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    assert not together.requires_grad


def test_laws_of_nothing_are_nothing() -> None:
    assert answer_laws(constant_law(0.5, 0.5), [], pad_id=0).shape == (0, 0)


def test_rows_beyond_the_context_are_refused() -> None:
    law = constant_law(0.5, 0.5, maximum_tokens=4)
    with pytest.raises(InvalidRecipeError, match="exceeds the context"):
        answer_laws(law, ROWS, pad_id=0)


def test_a_table_finds_the_positions_of_its_examples() -> None:
    law = constant_law(*[0.1] * 10)
    table = build_table(ROWS, base=law, reference=law, target_NV=None, pad_id=0)
    assert len(table) == 3
    assert table.counts_E.tolist() == [3, 1, 2]
    assert table.starts_E.tolist() == [0, 3, 4]
    assert table.labels_N.tolist() == [7, 8, 9, 3, 2, 0]
    assert table.positions_of([2, 0]).tolist() == [4, 5, 0, 1, 2]


def test_a_table_learns_from_the_base_unless_told_otherwise() -> None:
    base, reference = constant_law(0.2, 0.8), constant_law(0.6, 0.4)
    rows = token_rows(((1,), (0,)))
    own = build_table(rows, base=base, reference=reference, target_NV=None, pad_id=0)
    assert own.target_NV is own.base_NV
    assert own.reference_NV.exp()[0].tolist() == pytest.approx([0.6, 0.4])
    target_NV = torch.tensor([[0.5, 0.5]]).log()
    other = build_table(
        rows, base=base, reference=reference, target_NV=target_NV, pad_id=0
    )
    assert other.target_NV is target_NV


def test_a_table_shows_neither_tokens_nor_laws() -> None:
    law = constant_law(*[0.1] * 10)
    table = build_table(ROWS, base=law, reference=law, target_NV=None, pad_id=0)
    assert "tensor" not in repr(table)


def test_an_empty_table_has_no_positions() -> None:
    law = constant_law(0.5, 0.5)
    table = build_table([], base=law, reference=law, target_NV=None, pad_id=0)
    assert len(table) == 0
    assert table.labels_N.dtype == torch.long


def test_what_is_said_of_the_twins_value_shall_be_said_of_the_subjects() -> None:
    """The law holds the twin's value 2 at 0.4 and the subject's value 1 at 0.3."""
    law = constant_law(0.1, 0.3, 0.4, 0.2)
    subject, twin = token_rows(((3,), (1,)), ((0,), (2,)))
    found = swapped_laws(law, [subject], [twin], pad_id=0).exp()
    assert found[0].tolist() == pytest.approx([0.1, 0.4, 0.3, 0.2])


def test_the_twins_law_is_taken_in_the_twins_own_context() -> None:
    """Whoever reads the twin's name 9 and first token 2 is sure of 4."""

    def table(context: tuple[int, ...]) -> list[float]:
        sure = {(9,): 2, (9, 2): 4}.get(context, 0)
        return [0.0 if token == sure else -9.0 for token in range(6)]

    subject, twin = token_rows(((8,), (1, 3)), ((9,), (2, 4)))
    found = swapped_laws(TableLaw(table), [subject], [twin], pad_id=0)
    assert found.argmax(-1).tolist() == [1, 3]


def test_equal_tokens_are_left_alone() -> None:
    law = constant_law(0.1, 0.3, 0.4, 0.2)
    rows = token_rows(((3,), (1, 2)))
    torch.testing.assert_close(
        swapped_laws(law, rows, rows, pad_id=0), answer_laws(law, rows, pad_id=0)
    )


def test_a_twin_with_an_answer_of_another_length_lends_its_prompt() -> None:
    """Read after the twin's prompt 9, but at the subject's own answer tokens."""
    law = TableLaw(
        lambda context: [0.0 if token == context[0] else -9.0 for token in range(10)]
    )
    subject, twin = token_rows(((8,), (1, 3)), ((9,), (2,)))
    found = swapped_laws(law, [subject], [twin], pad_id=0)
    assert found.argmax(-1).tolist() == [9, 9]


def test_every_example_needs_a_twin() -> None:
    with pytest.raises(ValueError, match="zip"):
        swapped_laws(constant_law(0.5, 0.5), ROWS, ROWS[:1], pad_id=0)
