from dataclasses import replace

import torch
from support.domain import datasets, example
from support.models import llama, token_rows
from support.runs import Kept

from unlearn_core.domain.datasets import Datasets
from unlearn_core.training.combining import (
    PartCheckpoints,
    input_products,
    split_by_field,
    weights_of,
    with_weights,
)


def sets(*fields: str) -> Datasets:
    """Return sets whose forget examples state these fields, with one twin."""
    plain = datasets()
    mine, theirs = (
        tuple(
            replace(example(f"What is the {field} of {name}?", "Ulm"), field=field)
            for field in fields
        )
        for name in ("Ada Example", "Nora Stein")
    )
    forget = replace(plain.forget, examples=mine, twins=(theirs,))
    return replace(plain, forget=forget)


def test_fields_are_dealt_in_turn_and_twins_come_along() -> None:
    whole = sets("phone", "city", "e-mail", "city")
    first, second = split_by_field(whole, 2)
    assert [item.field for item in first.forget.examples] == ["phone", "city", "city"]
    assert [item.field for item in second.forget.examples] == ["e-mail"]
    for part in (first, second):
        (twin,) = part.forget.twins
        assert [item.field for item in twin] == [
            item.field for item in part.forget.examples
        ]
        assert part.retain == whole.retain


def test_there_are_no_more_parts_than_fields() -> None:
    assert len(split_by_field(sets("city", "phone"), 5)) == 2


def test_a_model_can_get_other_weights() -> None:
    start = llama(0)
    before = weights_of(llama(0))
    other = with_weights(start, weights_of(llama(1)))
    assert all(
        torch.equal(item, weights_of(llama(1))[name])
        for name, item in other.named_parameters()
    )
    assert all(
        torch.equal(item, before[name]) for name, item in weights_of(start).items()
    )
    assert not any(item.requires_grad for item in other.parameters())


def test_products_of_inputs_leave_padding_out() -> None:
    """The first layer reads the normalised embeddings; rows of unlike length."""
    model = llama(1)
    examples = token_rows(((5, 6), (7,)), ((9,), (3,)))
    found = input_products(model, examples, pad_id=0)
    name = "model.layers.0.self_attn.q_proj.weight"
    embedded = model.get_input_embeddings()(torch.tensor([5, 6, 7, 9, 3]))
    inputs = model.model.layers[0].input_layernorm(embedded)
    torch.testing.assert_close(found[name], inputs.T @ inputs)
    assert "lm_head.weight" in found
    other = input_products(model, examples, pad_id=77)
    torch.testing.assert_close(other, found)


def test_a_finished_part_and_the_state_of_the_next_are_kept() -> None:
    store = Kept()
    kept = PartCheckpoints(store)
    assert kept.load() is None
    assert kept.finished(0) is None
    kept.save(b"half of the first")
    kept.finish(0, {"a": torch.tensor([1.0])})
    kept.save(b"half of the second")
    again = PartCheckpoints(store)
    assert again.load() == b"half of the second"
    finished = again.finished(0)
    assert finished is not None
    assert finished["a"].tolist() == [1.0]
    assert again.finished(1) is None
    again.finish(1, {"a": torch.tensor([2.0])})
    assert PartCheckpoints(store).load() is None
