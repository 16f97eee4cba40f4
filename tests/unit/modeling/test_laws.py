import torch
from support.models import CPU, llama, token_rows
from transformers import LlamaForCausalLM

from unlearn_core.modeling.laws import PlainLaw, law_at_answers
from unlearn_core.modeling.tokens import collate

IDS = torch.tensor([[5, 9, 200]])
MASK = torch.ones_like(IDS)


def test_the_plain_law_is_the_models_own_softmax() -> None:
    model = llama(0)
    expected = torch.log_softmax(model(input_ids=IDS).logits, dim=-1)
    assert torch.equal(PlainLaw(model)(IDS, attention_mask_BS=MASK), expected)


def test_the_last_position_alone_is_the_same_law() -> None:
    law = PlainLaw(llama(0))
    whole = law(IDS, attention_mask_BS=MASK)
    last = law(IDS, attention_mask_BS=MASK, first=-1)
    torch.testing.assert_close(last, whole[:, -1:])


def test_the_law_at_answers_is_that_of_the_whole_rows() -> None:
    law = PlainLaw(llama(0))
    batch = collate(
        token_rows(((5, 6, 7), (8,)), ((5, 6), (9, 10))), pad_id=0, maximum_tokens=8
    )
    whole_BTV = law(batch.input_ids_BT, attention_mask_BS=batch.attention_mask_BT)
    expected_NV = whole_BTV[[0, 1, 1], [2, 1, 2]]
    torch.testing.assert_close(law_at_answers(law, batch), expected_NV)


def test_the_head_sees_nothing_before_the_earliest_answer() -> None:
    model, widths = llama(0), []
    batch = collate(
        token_rows(((5, 6, 7), (8,)), ((5, 6), (9, 10))), pad_id=0, maximum_tokens=8
    )
    model.lm_head.register_forward_pre_hook(
        lambda _head, inputs: widths.append(inputs[0].shape[1])
    )
    law_at_answers(PlainLaw(model), batch)
    assert batch.input_ids_BT.shape[1] == 4
    assert widths == [3]


def test_log_probabilities_are_float32_whatever_the_weights_are() -> None:
    half: torch.nn.Module = llama(0)
    half.to(torch.bfloat16)
    assert isinstance(half, LlamaForCausalLM)
    law = PlainLaw(half)
    law_BTV = law(IDS, attention_mask_BS=MASK)
    assert law_BTV.dtype == torch.float32
    torch.testing.assert_close(law_BTV.exp().sum(-1), torch.ones(1, 3))


def test_a_law_says_where_and_how_long() -> None:
    law = PlainLaw(llama(0))
    assert law.device == CPU
    assert law.maximum_tokens == 96
    assert len(law.new_caches()) == 1
