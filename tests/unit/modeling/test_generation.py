import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from support.models import TableLaw, constant_law, llama
from transformers import GenerationConfig, LlamaForCausalLM

from unlearn_core.modeling import weights
from unlearn_core.modeling.generation import Decoder, Sampling, choose_tokens, generate
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.offset import OffsetModel

END, PAD = 3, 0
PROMPTS = ([7, 19, 4], [200], [31, 31, 8, 150, 99, 2, 60], [5, 6], [200, 1, 1, 1])
GREEDY = Sampling(maximum_tokens=8)


def greedy(
    law: NextTokenLaw, *prompts: list[int], rows_at_once: int = 512
) -> list[list[int]]:
    return generate(
        law,
        prompts,
        GREEDY,
        end_id=END,
        pad_id=PAD,
        seed=0,
        rows_at_once=rows_at_once,
    )


def offset_law() -> OffsetModel:
    return OffsetModel(llama(0), unlearned=llama(2), reference=llama(1), alpha=1.0)


@pytest.mark.parametrize(
    "law", [PlainLaw(llama(0)), offset_law()], ids=["plain", "offset"]
)
def test_a_greedy_answer_does_not_depend_on_its_batch(law: NextTokenLaw) -> None:
    alone = [greedy(law, prompt)[0] for prompt in PROMPTS]
    assert greedy(law, *PROMPTS) == alone
    assert greedy(law, *reversed(PROMPTS)) == alone[::-1]
    assert greedy(law, *PROMPTS, rows_at_once=2) == alone


def test_padding_is_as_harmless_with_the_kernel_of_accelerators(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows of a fused kernel that attend to nothing must not spread."""
    monkeypatch.setattr(weights, "attention_for", lambda _: "sdpa")
    fused = PlainLaw(llama(0))
    assert fused.model.config._attn_implementation == "sdpa"
    decoder = Decoder(fused, PROMPTS, pad_id=PAD)
    for row, prompt in enumerate(PROMPTS):
        alone = Decoder(fused, [prompt], pad_id=PAD).log_probs_BV[0]
        torch.testing.assert_close(decoder.log_probs_BV[row], alone, rtol=0, atol=1e-5)
    assert greedy(fused, *PROMPTS) == greedy(PlainLaw(llama(0)), *PROMPTS)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_greedy_answer_is_that_of_transformers(prompt: list[int]) -> None:
    base = llama(0)
    assert isinstance(base, LlamaForCausalLM)
    settings = GenerationConfig(  # type: ignore[no-untyped-call]  # untyped upstream
        max_new_tokens=8, do_sample=False, eos_token_id=END, pad_token_id=PAD
    )
    expected = base.generate(  # type: ignore[misc]  # a mixin typed by a protocol upstream
        torch.tensor([prompt]),
        generation_config=settings,
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
    )
    answer = expected[0, len(prompt) :].tolist()
    assert greedy(PlainLaw(base), prompt) == [
        answer[: answer.index(END)] if END in answer else answer
    ]


def test_a_greedy_answer_takes_the_most_likely_token_of_the_scored_law() -> None:
    """Generation with caches and scoring without are one law."""
    law = offset_law()
    prompt = PROMPTS[2]
    [answer] = greedy(law, prompt)
    ids = torch.tensor([prompt + answer])
    scored = law(ids, attention_mask_BS=torch.ones_like(ids))[0].argmax(-1).tolist()
    assert scored[len(prompt) - 1 : -1] == answer


def one_hot(token: int, size: int = 9) -> list[float]:
    return [0.0 if place == token else -math.inf for place in range(size)]


def counting_law() -> TableLaw:
    """Return a law that counts on from the last token, modulo 9."""
    return TableLaw(lambda ids: one_hot((ids[-1] + 1) % 9))


def test_an_answer_stops_before_its_end_token_and_others_go_on() -> None:
    answers = greedy(counting_law(), [1], [8, 4], [2], [3])
    assert answers == [[2], [5, 6, 7, 8, 0, 1, 2], [], [4, 5, 6, 7, 8, 0, 1, 2]]


def test_the_longest_answer_is_as_long_as_asked() -> None:
    sampling = Sampling(maximum_tokens=1)
    answers = generate(
        counting_law(), [[4], [2]], sampling, end_id=END, pad_id=PAD, seed=0
    )
    assert answers == [[5], []]


def test_nothing_asked_is_nothing_answered() -> None:
    assert greedy(counting_law()) == []


def draw(
    law: NextTokenLaw, sampling: Sampling, *, seed: int, samples: int
) -> list[int]:
    answers = generate(
        law, [[1]], sampling, end_id=99, pad_id=0, seed=seed, samples=samples
    )
    return [answer[0] for answer in answers]


@pytest.mark.parametrize(
    ("temperature", "top_p", "expected"),
    [
        (1.0, 1.0, [0.1, 0.2, 0.3, 0.4]),
        # Squares 1 : 4 : 9 : 16.
        (0.5, 1.0, [1 / 30, 4 / 30, 9 / 30, 16 / 30]),
        # Roots, the law of temperature 2.
        (2.0, 1.0, [root / 1.9436 for root in (0.31623, 0.44721, 0.54772, 0.63246)]),
        # 0.4 alone does not reach 0.6, 0.4 and 0.3 do.
        (1.0, 0.6, [0.0, 0.0, 3 / 7, 4 / 7]),
        (1.0, 0.75, [0.0, 2 / 9, 3 / 9, 4 / 9]),
        (1.0, 1e-9, [0.0, 0.0, 0.0, 1.0]),
    ],
)
def test_samples_follow_the_law(
    temperature: float, top_p: float, expected: list[float]
) -> None:
    count = 4000
    sampling = Sampling(maximum_tokens=1, temperature=temperature, top_p=top_p)
    drawn = draw(constant_law(0.1, 0.2, 0.3, 0.4), sampling, seed=1, samples=count)
    observed = [drawn.count(token) for token in range(4)]
    possible = [place for place, share in enumerate(expected) if share]
    assert sum(observed[place] for place in possible) == count
    shares = [expected[place] for place in possible]
    test = stats.chisquare(
        [observed[place] for place in possible],
        [count * share / sum(shares) for share in shares],
    )
    assert len(possible) == 1 or test.pvalue > 0.01


def test_sampling_is_seeded() -> None:
    law = constant_law(*[0.05] * 20)
    sampling = Sampling(maximum_tokens=3, temperature=1.0)
    first, again, other = (
        draw(law, sampling, seed=seed, samples=40) for seed in (5, 5, 6)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize("rows_at_once", [1, 4, 512])
def test_the_samples_of_a_prompt_stand_together(rows_at_once: int) -> None:
    answers = generate(
        TableLaw(lambda ids: one_hot(ids[0])),
        [[4], [5, 1], [6, 7, 8]],
        Sampling(maximum_tokens=2, temperature=1.0),
        end_id=END,
        pad_id=PAD,
        seed=0,
        samples=3,
        rows_at_once=rows_at_once,
    )
    assert answers == [[4, 4]] * 3 + [[5, 5]] * 3 + [[6, 6]] * 3


def test_a_repeated_prompt_is_the_prompt_asked_again() -> None:
    """The cache of the prompt is copied, so each row continues on its own."""
    law = offset_law()
    decoder = Decoder(law, [[7, 19, 4], [200]], pad_id=PAD)
    decoder.repeat(2)
    decoder.advance(torch.tensor([11, 12, 13, 14]))
    rows = [[7, 19, 4, 11], [7, 19, 4, 12], [200, 13], [200, 14]]
    expected = Decoder(law, rows, pad_id=PAD).log_probs_BV
    torch.testing.assert_close(decoder.log_probs_BV, expected, rtol=0, atol=1e-5)


def test_rows_that_are_kept_go_on_as_if_they_were_alone() -> None:
    law = offset_law()
    decoder = Decoder(law, [[7, 19, 4], [200], [31, 5]], pad_id=PAD)
    decoder.keep(torch.tensor([2, 0]))
    decoder.advance(torch.tensor([11, 12]))
    expected = Decoder(law, [[31, 5, 11], [7, 19, 4, 12]], pad_id=PAD).log_probs_BV
    torch.testing.assert_close(decoder.log_probs_BV, expected, rtol=0, atol=1e-5)


@given(
    st.lists(st.floats(-20, 20), min_size=2, max_size=8),
    st.floats(0.05, 1.0),
    st.floats(0.1, 2.0),
)
def test_a_sample_lies_in_the_smallest_set_that_holds_top_p(
    logits: list[float], top_p: float, temperature: float
) -> None:
    law_BV = torch.tensor([logits]).log_softmax(-1)
    sampling = Sampling(maximum_tokens=1, temperature=temperature, top_p=top_p)
    [token] = choose_tokens(
        law_BV, sampling, generator=torch.Generator().manual_seed(0)
    ).tolist()
    probs = torch.softmax(law_BV[0] / temperature, dim=-1)
    likelier = float(probs[probs > probs[token]].sum())
    assert likelier < top_p + 1e-5
