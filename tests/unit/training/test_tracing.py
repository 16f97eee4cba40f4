import pytest
import torch
from support.models import llama, token_rows
from transformers import PreTrainedModel

from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.tokens import collate
from unlearn_core.training.schemes.base import OffsetPair
from unlearn_core.training.tracing import (
    AFTER,
    ANSWER,
    ASKED,
    BEFORE,
    NAME,
    ROLES,
    Trace,
    masks_of_roles,
    trace,
)

NAMED = (30, 31)
EXAMPLES = token_rows(((5, 30, 31, 6, 7), (40,)), ((30, 31, 9), (41,)))


def traced(unlearned: PreTrainedModel) -> Trace:
    return trace(
        OffsetPair(unlearned=unlearned, reference=llama(1)),
        EXAMPLES,
        name=NAMED,
        base=PlainLaw(llama(0)),
        alpha=1.0,
        pad_id=0,
    )


def spoilt(name: str, *rows: int) -> PreTrainedModel:
    """Return the reference with other weights in one matrix, or in rows of it."""
    model = llama(1)
    weight = model.get_parameter(name)
    with torch.no_grad():
        weight[list(rows) or slice(None)] += 0.5
    return model


def test_what_happens_in_one_module_is_found_there() -> None:
    """Answers of one token are predicted at the question's last: only that counts."""
    found = traced(spoilt("model.layers.1.mlp.down_proj.weight"))
    for place in ("feed-forward 1", "block 1"):
        assert found.effects[place][ASKED] == pytest.approx(1, abs=1e-5)
        assert found.effects[place][NAME] == 0
    for place in ("embeddings", "block 0", "attention 0", "feed-forward 0"):
        assert all(abs(effect) < 1e-5 for effect in found.effects[place].values())


def test_what_happens_at_the_name_is_found_there() -> None:
    found = traced(spoilt("model.embed_tokens.weight", *NAMED))
    effects = found.effects["embeddings"]
    assert effects[NAME] == pytest.approx(1, abs=1e-5)
    assert all(abs(effects[role]) < 1e-5 for role in ROLES if role != NAME)
    # The last token cannot get from the embedding what it reads from the name.
    assert found.effects["block 1"][ASKED] == pytest.approx(1, abs=1e-5)


def test_likelihoods_are_those_of_what_is_served() -> None:
    found = traced(llama(2))
    ids = torch.tensor([[30, 31, 9], [30, 31, 9]])
    base = PlainLaw(llama(0))
    offset = OffsetModel(base.model, unlearned=llama(2), reference=llama(1), alpha=1.0)
    one = trace(
        OffsetPair(unlearned=llama(2), reference=llama(1)),
        EXAMPLES[1:],
        name=NAMED,
        base=base,
        alpha=1.0,
        pad_id=0,
    )
    mask = torch.ones_like(ids)
    assert one.base == pytest.approx(
        float(base(ids, attention_mask_BS=mask)[0, -1, 41].detach()), abs=1e-5
    )
    assert one.served == pytest.approx(
        float(offset(ids, attention_mask_BS=mask)[0, -1, 41].detach()), abs=1e-5
    )
    assert one.served != found.served


def test_models_are_left_without_hooks() -> None:
    unlearned = llama(2)
    traced(unlearned)
    assert not any(module._forward_hooks for module in unlearned.modules())


def test_every_token_has_one_role() -> None:
    examples = token_rows(
        ((5, 30, 31, 6, 7), (40, 41)), ((30, 31, 9), (42,)), ((8, 9), (43,))
    )
    batch = collate(examples, pad_id=0, maximum_tokens=20)
    masks = masks_of_roles(examples, NAMED, batch)
    expected = [
        [BEFORE, NAME, NAME, AFTER, ASKED, ANSWER, ANSWER],
        [NAME, NAME, ASKED, ANSWER, None, None, None],
        [BEFORE, ASKED, ANSWER, None, None, None, None],
    ]
    found = [
        [
            next((role for role in ROLES if masks[role][row, column]), None)
            for column in range(7)
        ]
        for row in range(3)
    ]
    assert found == expected
    assert int(torch.stack(list(masks.values())).sum()) == 7 + 4 + 3


def test_a_pair_that_does_nothing_is_not_traced() -> None:
    with pytest.raises(ValueError, match="no difference"):
        traced(llama(1))
