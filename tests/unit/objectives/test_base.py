import torch
from support.laws import answer_laws

from unlearn_core.objectives.base import Teacher

LAWS = answer_laws(
    [[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]], labels=[0, 1, 1], examples=[1, 0, 1]
)


def test_the_true_tokens_are_looked_up() -> None:
    found = LAWS.label_log_probs(LAWS.served_NV).exp()
    expected = torch.tensor([0.5, 0.75, 0.1], dtype=torch.float64)
    torch.testing.assert_close(found, expected)


def test_an_answer_is_as_likely_as_the_product_of_its_tokens() -> None:
    """Example 0 has position 1; example 1 has positions 0 and 2: 0.5 * 0.1."""
    found = LAWS.sequence_log_probs(LAWS.served_NV).exp()
    torch.testing.assert_close(found, torch.tensor([0.75, 0.05], dtype=torch.float64))


def test_values_are_added_per_example() -> None:
    assert LAWS.sum_per_example(torch.tensor([1.0, 2.0, 4.0])).tolist() == [2.0, 5.0]


def test_there_are_three_kinds_of_teacher() -> None:
    assert set(Teacher) == {"none", "name_swap", "twin"}
