import torch
from support.models import CPU, llama
from transformers import LlamaForCausalLM

from unlearn_core.modeling.laws import PlainLaw

IDS = torch.tensor([[5, 9, 200]])
MASK = torch.ones_like(IDS)


def test_the_plain_law_is_the_models_own_softmax() -> None:
    model = llama(0)
    expected = torch.log_softmax(model(input_ids=IDS).logits, dim=-1)
    assert torch.equal(PlainLaw(model)(IDS, attention_mask_BS=MASK), expected)


def test_the_last_position_alone_is_the_same_law() -> None:
    law = PlainLaw(llama(0))
    whole = law(IDS, attention_mask_BS=MASK)
    last = law(IDS, attention_mask_BS=MASK, last_only=True)
    torch.testing.assert_close(last, whole[:, -1:])


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
