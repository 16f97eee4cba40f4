import torch

from unlearn_core.training.combinations.base import Part


def test_a_task_vector_is_what_a_training_changed() -> None:
    part = Part(weights={"a": torch.tensor([3.0, 1.0])})
    changed = part.task_vector({"a": torch.tensor([1.0, 1.0])})
    assert changed["a"].tolist() == [2.0, 0.0]
