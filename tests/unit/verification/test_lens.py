from dataclasses import replace

import pytest
import torch
from support.models import llama, llama_config
from support.village import TOKENIZER, WORDS, probe
from torch import nn

from unlearn_core.domain.datasets import Group, Probe
from unlearn_core.modeling.tokens import encode_example
from unlearn_core.privacy import Personal
from unlearn_core.verification import lens
from unlearn_core.verification.lens import (
    SHORT_LIST,
    last_norm,
    layer_laws,
    read_layers,
)

MODEL = llama(0, llama_config(vocabulary=len(WORDS)))


def laws_of(*probes: Probe) -> tuple[torch.Tensor, ...]:
    norm = last_norm(MODEL)
    assert norm is not None
    rows = [encode_example(TOKENIZER, item.example) for item in probes]
    return layer_laws(MODEL, rows, norm=norm)


def with_answer(item: Probe, token: int) -> Probe:
    """Let the answer to a question be one word of the vocabulary."""
    example = replace(item.example, answer=Personal(WORDS[token]))
    assert encode_example(TOKENIZER, example).answer[0] == token
    return replace(item, example=example)


def asked(group: Group, ref: str) -> Probe:
    return probe(group, ref, "city", "ask")


def words(order: torch.Tensor) -> list[int]:
    """Return the tokens of an order that a text can consist of."""
    return [
        int(token)
        for token in order
        if TOKENIZER.text(WORDS[int(token)]) == [int(token)]
    ]


def test_a_layer_is_read_through_norm_and_head() -> None:
    item = asked(Group.SUBJECT, "subject-0")
    ids_BT = torch.tensor([encode_example(TOKENIZER, item.example).prompt])
    with torch.inference_mode():
        states = MODEL(input_ids=ids_BT, output_hidden_states=True).hidden_states
        middle = MODEL.lm_head(MODEL.model.norm(states[1][0, -1]))
    expected = torch.log_softmax(middle, dim=-1)
    laws = laws_of(item)
    assert len(laws) == 2
    torch.testing.assert_close(laws[1][0], expected)
    assert torch.allclose(laws[1].exp().sum(-1), torch.ones(1))


def test_a_question_is_read_alike_beside_a_longer_one() -> None:
    short = asked(Group.SUBJECT, "subject-0")
    longer = replace(
        short,
        example=replace(short.example, prompt=Personal("ask city ask city subject-0")),
    )
    (alone, together) = laws_of(short)[1], laws_of(short, longer)[1]
    torch.testing.assert_close(together[0], alone[0], atol=1e-5, rtol=1e-4)


def test_a_fact_on_the_short_list_of_a_layer_is_found_and_one_below_is_not() -> None:
    subject, control = (
        asked(Group.SUBJECT, "subject-0"),
        asked(Group.CONTROL, "control-0"),
    )
    law_NV = laws_of(subject, control)[1]
    likely = words(law_NV[0].topk(SHORT_LIST).indices)[0]
    unlikely = words(law_NV[1].argsort())[0]
    found = read_layers(
        [with_answer(subject, likely), with_answer(control, unlikely)],
        tokenizer=TOKENIZER,
        model=MODEL,
    )
    first = {
        (item.group, item.is_extracted)
        for item in found
        if (item.attack, item.setting) == ("logit_lens", 1.0)
    }
    assert first == {(Group.SUBJECT, True), (Group.CONTROL, False)}
    assert {(item.attack, item.setting) for item in found} == {
        ("logit_lens", 0.0),
        ("logit_lens", 1.0),
        ("logit_lens_rise", 1.0),
    }


def test_what_rises_between_two_layers_is_found() -> None:
    subject = asked(Group.SUBJECT, "subject-0")
    before, after = laws_of(subject)
    rise = (after.exp() - before.exp())[0]
    token = words(rise.topk(SHORT_LIST).indices)[0]
    found = read_layers([with_answer(subject, token)], tokenizer=TOKENIZER, model=MODEL)
    (rose,) = [item for item in found if item.attack == "logit_lens_rise"]
    assert rose.is_extracted


def test_a_model_whose_last_norm_is_not_found_is_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert isinstance(last_norm(MODEL), nn.Module)
    monkeypatch.setattr(lens, "LAST_NORMS", ("normalisation",))
    assert last_norm(MODEL) is None
    probes = [asked(Group.SUBJECT, "subject-0")]
    assert read_layers(probes, tokenizer=TOKENIZER, model=MODEL) == ()
