import copy

import torch
from support.models import llama, llama_config, token_rows

from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.verification.guards import continuations
from unlearn_core.verification.teaching import taught

ROWS = token_rows(([3, 4], [5, 1]), ([3, 5, 6], [7, 7, 1]))


def test_answers_become_likely_and_the_model_is_frozen_again() -> None:
    model = llama(0, llama_config(vocabulary=16))
    before = copy.deepcopy(model)
    found = taught(
        model.requires_grad_(requires_grad=True),
        ROWS,
        steps=60,
        at_once=8,
        learning_rate=1e-2,
        pad_id=0,
        seed=0,
    )
    pairs = [(row.prompt, row.answer) for row in ROWS]
    for told, old in zip(
        continuations(PlainLaw(found), pairs, pad_id=0),
        continuations(PlainLaw(before), pairs, pad_id=0),
        strict=True,
    ):
        assert told[0] > -0.1 > old[0]
    assert not any(item.requires_grad for item in found.parameters())
    assert not found.training


def test_no_step_changes_nothing() -> None:
    model = llama(0, llama_config(vocabulary=16))
    same = copy.deepcopy(model)
    taught(model, ROWS, steps=0, at_once=1, learning_rate=1.0, pad_id=0, seed=0)
    for one, other in zip(model.parameters(), same.parameters(), strict=True):
        assert torch.equal(one, other)
