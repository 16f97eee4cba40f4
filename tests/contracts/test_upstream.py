"""What every base elsewhere that answers promises."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from support.completions import Service, completions
from support.upstream import elsewhere

from unlearn_core import ports
from unlearn_core.adapters.upstream import UpstreamCompletions

CONTEXTS = [(5, 6), (40,), (7, 8, 9)]


@contextmanager
def in_memory() -> Iterator[ports.Upstream]:
    """Open a source in this process."""
    yield elsewhere(tokens=3)


@contextmanager
def over_http() -> Iterator[ports.Upstream]:
    """Open a source behind a server on this machine."""
    here = elsewhere(tokens=3)

    def tell(context: Sequence[int]) -> dict[str, float]:
        (law,) = here.tell([context]).laws
        return {f"token_id:{token}": value for token, value in law.items()}

    with completions(Service(tell)) as service:
        source = UpstreamCompletions(
            service.address, model="base", key=None, tokens=3, timeout_seconds=20.0
        )
        try:
            yield source
        finally:
            source.close()


@pytest.fixture(
    params=[in_memory, pytest.param(over_http, marks=pytest.mark.integration)]
)
def source(request: pytest.FixtureRequest) -> Iterator[ports.Upstream]:
    """Return a source that tells three tokens."""
    with request.param() as opened:
        yield opened


def test_as_many_tokens_are_told_as_it_says_in_the_order_of_the_contexts(
    source: ports.Upstream,
) -> None:
    together = source.tell(CONTEXTS).laws
    assert [len(law) for law in together] == [source.tokens] * 3
    for context, law in zip(CONTEXTS, together, strict=True):
        (alone,) = source.tell([context]).laws
        assert law == pytest.approx(alone)


def test_what_is_told_is_a_part_of_a_law(source: ports.Upstream) -> None:
    for law in source.tell(CONTEXTS).laws:
        assert 0 < sum(map(math.exp, law.values())) < 1


def test_one_model_calls_itself_the_same_every_time(source: ports.Upstream) -> None:
    assert source.tell(CONTEXTS).mark == source.tell(CONTEXTS[:1]).mark
