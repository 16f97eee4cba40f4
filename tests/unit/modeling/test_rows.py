import copy
from typing import Any

import pytest
import torch
from support.models import CONTEXT, llama, llama_config
from torch import Tensor
from transformers import MistralConfig, PreTrainedModel, Qwen2Config

from unlearn_core.errors import ModelUnavailableError
from unlearn_core.modeling import rows, weights
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.offset import FusedOffsetModel, OffsetModel
from unlearn_core.modeling.row_cache import Step, step_at
from unlearn_core.modeling.rows import Rows, ServableLaw
from unlearn_core.modeling.weights import frozen, new_model

TOLERANCE = 1e-4
PROMPTS = ([7, 19, 4], [200], [31, 31, 8, 150, 99, 2, 60])


def changed_in_one_layer(model: PreTrainedModel) -> PreTrainedModel:
    changed = copy.deepcopy(model)
    weight = changed.get_parameter("model.layers.0.self_attn.q_proj.weight")
    weight.data += 0.3
    return changed


def adapted(model: PreTrainedModel) -> PreTrainedModel:
    changed = copy.deepcopy(model)
    for name, tensor in changed.named_parameters():
        if name.endswith(("q_proj.weight", "up_proj.weight", "down_proj.weight")):
            outputs, inputs = tensor.shape
            tensor.data += 0.3 * torch.outer(torch.randn(outputs), torch.randn(inputs))
    return changed


def pairs() -> dict[str, OffsetModel]:
    tied = llama_config(tied=True)
    return {
        "different": OffsetModel(
            llama(0), unlearned=llama(2), reference=llama(1), alpha=1.3
        ),
        "tied": OffsetModel(
            llama(0), unlearned=llama(2, tied), reference=llama(1, tied), alpha=1.3
        ),
        "one layer": OffsetModel(
            llama(0),
            unlearned=changed_in_one_layer(llama(1)),
            reference=llama(1),
            alpha=1.3,
        ),
        "adapters": OffsetModel(
            llama(0), unlearned=adapted(llama(1)), reference=llama(1), alpha=1.3
        ),
    }


class Compared:
    """Running rows beside their texts, compared with passes without any cache."""

    def __init__(self, law: ServableLaw, plain: PlainLaw | OffsetModel) -> None:
        self.rows = law.rows()
        self.plain = plain
        self.texts: list[list[int]] = []

    def expected(self, ids: list[int]) -> Tensor:
        """Return the law after a text."""
        ids_BT = torch.tensor([ids])
        return self.plain(ids_BT, attention_mask_BS=torch.ones_like(ids_BT))[0, -1]

    def check(self, laws_BV: Tensor, texts: list[list[int]] | None = None) -> None:
        """Compare laws with those of texts."""
        texts = self.texts if texts is None else texts
        assert len(laws_BV) == len(texts)
        for law_V, ids in zip(laws_BV, texts, strict=True):
            torch.testing.assert_close(
                law_V, self.expected(ids), rtol=0, atol=TOLERANCE
            )

    def join(self, *prompts: list[int], known: list[tuple[int, int]]) -> None:
        """Let prompts join."""
        laws_BV = self.rows.join(prompts, known=known)
        self.check(laws_BV, [list(ids) for ids in prompts])
        self.texts += [list(ids) for ids in prompts]

    def advance(self, *tokens: int) -> None:
        """Append a token to every text."""
        for ids, token in zip(self.texts, tokens, strict=True):
            ids.append(token)
        self.check(self.rows.advance(tokens))

    def speculate(self, *tokens: int, kept: list[int]) -> None:
        """Look ahead and keep some of it."""
        laws_BTV, proposals = self.rows.speculate(
            tokens, count=3, choose=lambda scores_BV, _: scores_BV.argmax(-1).tolist()
        )
        for ahead in range(4):
            texts = [
                [*ids, token, *proposed[:ahead]]
                for ids, token, proposed in zip(
                    self.texts, tokens, proposals, strict=True
                )
            ]
            self.check(laws_BTV[:, ahead], texts)
        self.rows.extend(kept)
        for place, count in enumerate(kept):
            self.texts[place] += [tokens[place], *proposals[place]][:count]

    def leave(self, row: int) -> None:
        """Drop a text."""
        self.rows.leave(row)
        self.texts[row] = self.texts[-1]
        self.texts.pop()

    def fork(self, row: int) -> None:
        """Go on with a text twice."""
        self.rows.fork(row)
        self.texts.append(list(self.texts[row]))


def live_through_everything(compared: Compared) -> None:
    """Let rows join, grow, be taken back, be copied and leave."""
    none = [(0, 0)] * 2
    compared.join(PROMPTS[0], PROMPTS[1], known=none)
    compared.advance(11, 12)
    compared.join(PROMPTS[2], known=none[:1])
    compared.advance(5, 9, 11)
    if compared.rows.can_draft:
        compared.speculate(1, 2, 3, kept=[1, 2, 4])
        compared.speculate(9, 8, 7, kept=[4, 1, 1])
    compared.leave(0)
    compared.fork(1)
    compared.advance(8, 8, 9)
    # Two tokens more than a running row has in common with the prompt.
    compared.join([*compared.texts[0][:5], 44, 3], known=[(0, 5)])
    compared.advance(1, 2, 3, 4)
    # More columns than there is room for at first.
    compared.join([place % 200 for place in range(80)], known=none[:1])
    compared.advance(4, 3, 2, 1, 5)
    compared.leave(4)
    compared.leave(3)
    compared.leave(1)
    compared.advance(6, 7)
    assert compared.rows.lengths == list(map(len, compared.texts))


@pytest.mark.parametrize(
    ("kind", "is_fused"),
    [
        ("different", False),
        ("different", True),
        ("tied", True),
        ("one layer", True),
        ("adapters", True),
    ],
)
def test_rows_give_the_law_of_their_texts(kind: str, *, is_fused: bool) -> None:
    plain = pairs()[kind]
    law = plain.fused() if is_fused else plain
    assert isinstance(law, FusedOffsetModel) is is_fused
    live_through_everything(Compared(law, plain))


@pytest.fixture
def masks(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """Let prompts be read in small pieces; return the masks of all passes."""
    monkeypatch.setattr(rows, "PASS_SCORES", 96 * 7)
    monkeypatch.setattr(rows, "SHORTEST_PASS", 3)
    made: list[Tensor] = []

    def remembered(*args: Any, **options: Any) -> Step:  # noqa: ANN401 - handed on
        step = step_at(*args, **options)
        made.append(step.mask_B1TS)
        return step

    monkeypatch.setattr(rows, "step_at", remembered)
    return made


def test_a_prompt_that_is_read_in_pieces_gives_the_same_law(
    masks: list[Tensor],
) -> None:
    plain = pairs()["different"]
    live_through_everything(Compared(plain.fused(), plain))
    # The prompt of 80 tokens, at 8 tokens a pass, after which one step follows.
    assert [mask.shape[2] for mask in masks if mask.shape[0] == 1][-10:] == [8] * 10


def test_prompts_of_unlike_lengths_are_read_in_pieces_together(
    masks: list[Tensor],
) -> None:
    """96 x 7 scores for two rows of 90 columns are three tokens a pass."""
    plain = pairs()["different"]
    compared = Compared(plain.fused(), plain)
    long, short = [place * 3 % 250 for place in range(90)], list(range(7))
    compared.join(long, short, known=[(0, 0)] * 2)
    assert [mask.shape[2] for mask in masks] == [3] * 30
    # Of both, one goes on where a running row has been, the other begins anew.
    compared.join([*long[:20], *long[:40]], short, known=[(0, 20), (0, 0)])
    compared.advance(1, 2, 3, 4)


def test_a_prompt_of_the_whole_context_takes_bounded_memory(
    masks: list[Tensor],
) -> None:
    plain = pairs()["different"]
    compared = Compared(plain.fused(), plain)
    compared.join([place * 5 % 250 for place in range(CONTEXT)], known=[(0, 0)])
    assert max(mask.numel() for mask in masks) <= 96 * 7
    assert sum(mask.shape[2] for mask in masks) == CONTEXT


def test_a_pass_has_a_few_tokens_however_long_the_text(
    monkeypatch: pytest.MonkeyPatch, masks: list[Tensor]
) -> None:
    monkeypatch.setattr(rows, "PASS_SCORES", 1)
    plain = pairs()["different"]
    Compared(plain.fused(), plain).join([1, 2, 3, 4, 5, 6, 7, 8], known=[(0, 0)])
    assert [mask.shape[2] for mask in masks] == [2, 3, 3]


def test_rows_of_the_base_alone_give_its_law() -> None:
    plain = PlainLaw(llama(0))
    assert not plain.rows().can_draft
    live_through_everything(Compared(plain, plain))


def test_rows_are_right_with_the_kernel_of_accelerators(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(weights, "attention_for", lambda _: "sdpa")
    plain = pairs()["different"]
    live_through_everything(Compared(plain.fused(), plain))


@pytest.mark.parametrize("is_fused", [False, True], ids=["separate", "fused"])
def test_alpha_zero_is_the_base_bit_for_bit(*, is_fused: bool) -> None:
    plain = OffsetModel(llama(0), unlearned=llama(2), reference=llama(1), alpha=0)
    offset = (plain.fused() if is_fused else plain).rows()
    base = PlainLaw(llama(0)).rows()
    assert torch.equal(offset.join(PROMPTS), base.join(PROMPTS))
    assert torch.equal(offset.advance([1, 2, 3]), base.advance([1, 2, 3]))


def test_a_row_that_was_not_a_number_leaves_nothing_behind() -> None:
    spoiled = llama(2)
    spoiled.get_parameter("model.embed_tokens.weight").data[9] = float("nan")
    plain = OffsetModel(llama(0), unlearned=spoiled, reference=llama(1), alpha=1.0)
    running = plain.fused().rows()
    laws_BV = running.join([[7, 19, 9, 9, 9, 9], [7, 19]])
    assert laws_BV.isnan().any(dim=-1).tolist() == [True, False]
    running.leave(0)
    ids_BT = torch.tensor([[7, 19, 4, 4]])
    expected = plain(ids_BT, attention_mask_BS=torch.ones_like(ids_BT))[0, -1]
    running.advance([4])
    running.join([[31] * 12])
    torch.testing.assert_close(running.advance([4, 4])[0], expected, rtol=0, atol=1e-4)


TINY: dict[str, Any] = {
    "vocab_size": 32,
    "hidden_size": 8,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": CONTEXT,
    "bos_token_id": None,
    "eos_token_id": None,
}


def mistral(window: int | None) -> PreTrainedModel:
    config = MistralConfig(**TINY, sliding_window=window)
    return frozen(new_model(config, device=torch.device("cpu")))


def test_attention_that_slides_within_the_context_is_refused() -> None:
    assert isinstance(PlainLaw(mistral(None)).rows(), Rows)
    assert isinstance(PlainLaw(mistral(CONTEXT)).rows(), Rows)
    with pytest.raises(ModelUnavailableError, match="attention is not plain"):
        PlainLaw(mistral(CONTEXT - 1)).rows()


def test_a_window_that_no_layer_uses_is_no_obstacle() -> None:
    config = Qwen2Config(**TINY, sliding_window=8, use_sliding_window=False)
    law = PlainLaw(frozen(new_model(config, device=torch.device("cpu"))))
    assert len(law.rows().join([[1, 2], [3]])) == 2
