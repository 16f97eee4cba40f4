import pytest
import torch
from support.models import llama, token_rows
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.modeling.tokens import TokenizedExample
from unlearn_core.modeling.weights import own_tensors_digest
from unlearn_core.training.influence import influences

TEXT, OTHER, PLAIN = token_rows(((5, 6), (40, 41)), ((60,), (80, 81)), ((), (9, 14)))
STEP = 1e-3


def test_influence_is_what_one_step_on_the_text_does_for_the_answer() -> None:
    """Steps of equal length; the answer's own step helps it most."""
    texts = [OTHER, TEXT, PLAIN]
    gains = [gain(text, TEXT) for text in texts]
    expected = [value / gains[1] for value in gains]
    found = list(influences(llama(1), texts, [TEXT], pad_id=0))
    assert found[1] == pytest.approx(1, abs=1e-4)
    assert found == pytest.approx(expected, abs=0.02)
    assert max(found[0], found[2]) < 0.9


def test_several_answers_are_explained_together() -> None:
    both = list(influences(llama(1), [TEXT, OTHER], [TEXT, OTHER], pad_id=0))
    one = list(influences(llama(1), [TEXT, OTHER], [TEXT], pad_id=0))
    assert both[1] > one[1]
    assert both[0] < one[0]


def test_the_model_stays_as_it_was() -> None:
    model = llama(1)
    list(influences(model, [OTHER], [TEXT], pad_id=0))
    assert own_tensors_digest(model) == own_tensors_digest(llama(1))
    assert not any(item.requires_grad for item in model.parameters())
    assert all(item.grad is None for item in model.parameters())


def gain(text: TokenizedExample, answer: TokenizedExample) -> float:
    """Return by how much a step of fixed length on a text lowers the answer's loss."""
    model = llama(1).requires_grad_(requires_grad=True)
    before = loss(model, answer)
    weights = list(model.parameters())
    gradients = torch.autograd.grad(loss(model, text), weights)
    length = torch.cat([item.flatten() for item in gradients]).norm()
    with torch.no_grad():
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.sub_(STEP * gradient / length)
        return float(before - loss(model, answer))


def loss(model: PreTrainedModel, example: TokenizedExample) -> Tensor:
    """Return the library's own loss of an answer."""
    ids = torch.tensor([[*example.prompt, *example.answer]])
    labels = ids.clone()
    labels[0, : len(example.prompt)] = -100
    found: Tensor = model(input_ids=ids, labels=labels).loss
    return found
