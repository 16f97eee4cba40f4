import math
from collections import Counter
from itertools import product
from typing import Any

import pytest
import torch
from scipy import stats
from support.models import llama, llama_config
from support.upstream import elsewhere, remote_law
from torch import Tensor

from unlearn_core.modeling.generation import Sampling, choose_tokens
from unlearn_core.modeling.offset import FusedOffsetModel, OffsetModel
from unlearn_core.modeling.row_cache import Step
from unlearn_core.modeling.rows import RowModel, ServableLaw
from unlearn_core.serving.batch import Decoding, RunningBatch
from unlearn_core.serving.jobs import Event, FinishReason, Job, Token
from unlearn_core.serving.pace import Speculation

NO_END = -1
PLAIN = Decoding(speculation=Speculation.NEVER)
SPECULATIVE = Decoding(speculation=Speculation.ALWAYS, proposed_tokens=3)
PROMPTS = ([7, 19, 4], [200], [31, 31, 8, 150, 99, 2, 60], [7, 19, 4])
GREEDY = Sampling(maximum_tokens=20)
SAMPLED = Sampling(maximum_tokens=20, temperature=0.9)
NARROW = Sampling(maximum_tokens=20, temperature=0.7, top_p=0.8)


class Asked:
    """A job with what was handed out for it."""

    def __init__(
        self,
        law: ServableLaw,
        prompt: list[int],
        sampling: Sampling,
        *,
        seed: int = 0,
        end_id: int = NO_END,
        bias: dict[int, float] | None = None,
    ) -> None:
        self.events: list[Event] = []
        self.job = Job(
            law=law,
            prompt=list(prompt),
            sampling=sampling,
            end_id=end_id,
            seed=seed,
            emit=self.events.append,
            bias=bias or {},
        )

    @property
    def tokens(self) -> list[int]:
        """Return the answer."""
        return [item.token_id for item in self.events if isinstance(item, Token)]

    @property
    def log_probs(self) -> list[float]:
        """Return the log-probability of every token of the answer."""
        return [item.log_prob for item in self.events if isinstance(item, Token)]


def offset_law() -> OffsetModel:
    """Return a law whose pair is right now and then: it knows the base."""
    return OffsetModel(llama(0), unlearned=llama(0), reference=llama(1), alpha=0.4)


def run(law: ServableLaw, decoding: Decoding, *asked: Asked) -> int:
    """Answer together and return the number of steps."""
    batch = RunningBatch(law, decoding)
    batch.admit([item.job for item in asked])
    steps = 0
    while len(batch):
        batch.step()
        steps += 1
    return steps


def law_after(law: OffsetModel, ids: list[int]) -> torch.Tensor:
    ids_BT = torch.tensor([ids])
    return law(ids_BT, attention_mask_BS=torch.ones_like(ids_BT))[0, -1]


def questions(law: ServableLaw) -> list[Asked]:
    """Return questions of every kind, equal prompts among them."""
    return [
        Asked(law, PROMPTS[0], GREEDY),
        Asked(law, PROMPTS[1], SAMPLED, seed=1),
        Asked(law, PROMPTS[2], NARROW, seed=2),
        Asked(law, PROMPTS[3], SAMPLED, seed=3, bias={5: 2.0, 9: -3.0}),
        Asked(law, PROMPTS[1], Sampling(maximum_tokens=3)),
        Asked(law, PROMPTS[0], GREEDY, end_id=4),
    ]


@pytest.mark.parametrize("is_fused", [False, True], ids=["separate", "fused"])
def test_no_answer_depends_on_how_steps_are_made(*, is_fused: bool) -> None:
    plain = offset_law()
    law = plain.fused() if is_fused else plain
    expected, found = questions(plain), questions(law)
    steps = run(plain, PLAIN, *expected)
    fewer = run(law, SPECULATIVE, *found)
    assert [item.tokens for item in found] == [item.tokens for item in expected]
    assert [item.events[-1] for item in found] == [item.events[-1] for item in expected]
    assert fewer < steps == 19


def test_log_probabilities_of_proposed_tokens_are_those_of_the_served_law() -> None:
    plain = offset_law()
    law = plain.fused()
    assert isinstance(law, FusedOffsetModel)
    asked = questions(law)
    run(law, SPECULATIVE, *asked)
    for item in asked:
        ids = list(item.job.prompt)
        for token, log_prob in zip(item.tokens, item.log_probs, strict=True):
            expected = float(law_after(plain, ids)[token])
            assert log_prob == pytest.approx(expected, abs=1e-4)
            ids.append(token)


def test_proposals_that_are_always_right_save_three_steps_of_four() -> None:
    """An offset of nothing on a base that the pair knows by heart."""
    law = OffsetModel(llama(0), unlearned=llama(0), reference=llama(0), alpha=1.0)
    asked = Asked(law, PROMPTS[2], Sampling(maximum_tokens=21))
    # One token from the prompt, then four at a time.
    assert run(law, SPECULATIVE, asked) == 5
    assert len(asked.tokens) == 21


@pytest.mark.integration
def test_sampled_answers_of_proposed_tokens_follow_the_served_law() -> None:
    """All answers of three tokens over five, against the product of their laws."""
    config, count = llama_config(vocabulary=5), 800
    law = OffsetModel(
        llama(0, config),
        unlearned=llama(2, config),
        reference=llama(1, config),
        alpha=0.7,
    )
    sampling = Sampling(maximum_tokens=3, temperature=1.5)
    asked = [Asked(law, [1, 2], sampling, seed=seed) for seed in range(count)]
    run(law, SPECULATIVE, *asked)
    seen = Counter(tuple(item.tokens) for item in asked)
    expected = {}
    for answer in product(range(5), repeat=3):
        ids, total = [1, 2], 0.0
        for token in answer:
            law_V = torch.log_softmax(law_after(law, ids) / 1.5, dim=-1)
            total += float(law_V[token])
            ids.append(token)
        expected[answer] = count * math.exp(total)
    large = [answer for answer, number in expected.items() if number >= 5]
    rest = count - sum(expected[answer] for answer in large)
    observed = [seen[answer] for answer in large]
    test = stats.chisquare(
        [*observed, count - sum(observed)], [*(expected[a] for a in large), rest]
    )
    assert len(large) > 20
    assert test.pvalue > 0.01


def test_a_draw_is_the_one_that_torch_makes() -> None:
    """Seeds give the answers that they gave when torch drew."""
    law = offset_law()
    asked = Asked(law, PROMPTS[0], NARROW, seed=11)
    run(law, PLAIN, asked)
    generator, ids = torch.Generator().manual_seed(11), list(PROMPTS[0])
    for token in asked.tokens:
        law_BV = law_after(law, ids)[None]
        assert choose_tokens(law_BV, NARROW, generator=generator).tolist() == [token]
        ids.append(token)


def test_equal_prompts_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    law = offset_law()
    batch = RunningBatch(law, PLAIN)
    joined: list[int] = []
    join = batch._models.join

    def counted(prompts: list[list[int]], **options: object) -> torch.Tensor:
        joined.append(len(prompts))
        return join(prompts, **options)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(batch._models, "join", counted)
    batch.admit([Asked(law, PROMPTS[0], GREEDY).job for _ in range(4)])
    assert (joined, len(batch)) == ([1], 4)


def test_a_shared_beginning_is_copied_and_changes_no_answer() -> None:
    law = offset_law().fused()
    beginning = [place % 200 for place in range(40)]
    prompts = [[*beginning, 3, 4], [*beginning, 9], beginning[:30], [1, *beginning]]
    expected = [Asked(law, prompt, GREEDY) for prompt in prompts]
    for item in expected:
        run(law, PLAIN, item)
    sharing = Decoding(speculation=Speculation.NEVER, shares_prefixes=True)
    batch = RunningBatch(law, sharing)
    found = [Asked(law, prompt, GREEDY) for prompt in prompts]
    known = []
    for item in found:
        known.append(batch._known(item.job.prompt))
        batch.admit([item.job])
        batch.step()
    while len(batch):
        batch.step()
    assert known == [(0, 0), (0, 40), (0, 29), (0, 0)]
    assert [item.tokens for item in found] == [item.tokens for item in expected]


def test_nothing_is_shared_unless_it_is_wanted() -> None:
    law = offset_law()
    batch = RunningBatch(law, PLAIN)
    batch.admit([Asked(law, [5] * 40, GREEDY).job])
    assert batch._known([5] * 40) == (0, 0)


def test_a_question_costs_the_same_passes_whoever_it_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No list is looked into: prompts of one length take the same work."""
    law = OffsetModel(llama(0), unlearned=llama(2), reference=llama(1), alpha=1.0)
    passes: list[tuple[int, ...]] = []
    call = RowModel.__call__

    def counted(model: RowModel, ids_BT: Tensor, step: Step, **options: object) -> Any:  # noqa: ANN401 - handed on
        passes.append(tuple(ids_BT.shape))
        return call(model, ids_BT, step, **options)

    monkeypatch.setattr(RowModel, "__call__", counted)
    seen = []
    for prompt in ([7, 5, 5, 5, 9], [7, 80, 81, 82, 9]):
        passes.clear()
        run(law.fused(), PLAIN, Asked(law, prompt, GREEDY))
        seen.append(list(passes))
    # Base and pair read the prompt, then each of twenty tokens but the last.
    assert seen == [[(1, 5)] * 2 + [(1, 1)] * 2 * 19] * 2


@pytest.mark.parametrize("decoding", [PLAIN, SPECULATIVE], ids=["plain", "speculative"])
def test_every_tensor_is_made_where_the_models_are(decoding: Decoding) -> None:
    """Whatever is made elsewhere does not go together with them."""
    law = offset_law().fused()
    expected = questions(law)
    run(law, decoding, *expected)
    found = questions(law)
    with torch.device("meta"):
        run(law, decoding, *found)
    assert [item.tokens for item in found] == [item.tokens for item in expected]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator here")
def test_an_accelerator_gives_the_same_answers() -> None:
    here, there = offset_law(), offset_law()
    for part in there.parts:
        torch.nn.Module.to(part.model, "cuda")
    expected, found = questions(here), questions(there)
    run(here.fused(), PLAIN, *expected)
    run(there.fused(), SPECULATIVE, *found)
    for one, other in zip(expected, found, strict=True):
        if one.job.sampling.temperature == 0:  # random numbers are the device's own
            assert one.tokens == other.tokens
            assert one.log_probs == pytest.approx(other.log_probs, abs=1e-3)


def test_no_proposal_goes_beyond_the_context() -> None:
    law = offset_law()
    room = law.maximum_tokens
    asked = Asked(law, [5] * (room - 6), Sampling(maximum_tokens=6))
    run(law, SPECULATIVE, asked)
    assert len(asked.tokens) == 6
    assert asked.events[-1] is FinishReason.LENGTH


def test_what_a_base_elsewhere_does_not_tell_is_not_among_the_likeliest() -> None:
    asked = Asked(remote_law(elsewhere(tokens=3)), [5, 6], GREEDY)
    asked.job.likeliest = 5
    run(asked.job.law, PLAIN, asked)
    told = [item.likeliest for item in asked.events if isinstance(item, Token)]
    assert {len(likeliest) for likeliest in told} == {3}
