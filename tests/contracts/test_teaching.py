"""What every model elsewhere promises."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
import torch
from support.completions import Service, completions
from support.models import VOCABULARY, llama

from unlearn_core import ports
from unlearn_core.adapters.memory.teaching import MemoryLogprobs
from unlearn_core.adapters.remote_base import CompletionsService
from unlearn_core.modeling.laws import PlainLaw

LAW = PlainLaw(llama(0))


@contextmanager
def in_memory(told: int) -> Iterator[ports.LogprobSource]:
    """Open a source in this process."""
    yield MemoryLogprobs(LAW, told=told)


@contextmanager
def over_http(told: int) -> Iterator[ports.LogprobSource]:
    """Open a source behind a server on this machine."""
    here = MemoryLogprobs(LAW, told=told)

    def tell(context: Sequence[int]) -> dict[str, float]:
        (found,) = here.likeliest([context])
        return {f"token_id:{token}": value for token, value in found.items()}

    with completions(Service(tell)) as service:
        source = CompletionsService(service.address, model="base", told=told)
        try:
            yield source
        finally:
            source.close()


@pytest.fixture(
    params=[in_memory, pytest.param(over_http, marks=pytest.mark.integration)]
)
def source(request: pytest.FixtureRequest) -> Iterator[ports.LogprobSource]:
    """Return a source that tells three tokens."""
    with request.param(3) as opened:
        yield opened


def test_the_likeliest_tokens_are_told_in_the_order_of_the_contexts(
    source: ports.LogprobSource,
) -> None:
    contexts = [(5, 6), (40,), (7, 8, 9)]
    for context, told in zip(contexts, source.likeliest(contexts), strict=True):
        ids_BT = torch.tensor([context])
        law_V = LAW(ids_BT, attention_mask_BS=torch.ones_like(ids_BT))[0, -1]
        best = law_V.argsort(descending=True)[:3].tolist()
        assert set(told) == set(best)
        assert all(told[token] == pytest.approx(float(law_V[token])) for token in best)


def test_what_is_told_is_less_than_everything(source: ports.LogprobSource) -> None:
    (told,) = source.likeliest([(5, 6)])
    assert 3 / VOCABULARY < sum(map(math.exp, told.values())) < 1


def test_many_contexts_are_no_problem(source: ports.LogprobSource) -> None:
    assert len(source.likeliest([(number,) for number in range(70)])) == 70


def test_nothing_is_told_about_nothing(source: ports.LogprobSource) -> None:
    assert list(source.likeliest([])) == []
