import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
import torch
from pydantic import SecretStr
from support.completions import Service, completions
from support.models import VOCABULARY, llama, token_rows
from support.replicas import silent_address

from unlearn_core.adapters.remote_base import CompletionsService
from unlearn_core.errors import ModelUnavailableError
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.remote import RemoteLaw
from unlearn_core.training.targets import build_table

pytestmark = pytest.mark.integration

KEY = SecretStr("top-secret")


@contextmanager
def client(service: Service, *, told: int = 2) -> Iterator[CompletionsService]:
    with completions(service) as running:
        found = CompletionsService(running.address, model="base", key=KEY, told=told)
        try:
            yield found
        finally:
            found.close()


def by_length(context: Sequence[int]) -> dict[str, float]:
    return {f"token_id:{len(context)}": -0.5, "token_id:0": -1.0}


def test_every_context_gets_what_is_told_about_it() -> None:
    service = Service(by_length)
    with client(service) as source:
        three, one = source.likeliest([(7, 8, 9), (4,)])
    assert three == {3: -0.5, 0: -1.0}
    assert one == {1: -0.5, 0: -1.0}
    (asked,) = service.asked
    assert asked["prompt"] == [[7, 8, 9], [4]]
    assert (asked["max_tokens"], asked["logprobs"]) == (1, 2)
    assert service.keys == ["Bearer top-secret"]


def test_a_busy_service_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    with client(Service(by_length, statuses=[429, 503])) as source:
        assert source.likeliest([(4,)]) == [{1: -0.5, 0: -1.0}]
    assert waited == [1.0, 4.0]


@pytest.mark.parametrize(("statuses", "questions"), [([401], 1), ([500] * 9, 4)])
def test_a_refusal_is_told_without_key_or_text(
    statuses: list[int], questions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    service = Service(by_length, statuses=statuses)
    with (
        client(service) as source,
        pytest.raises(ModelUnavailableError, match="status=") as caught,
    ):
        source.likeliest([(4,)])
    assert len(service.asked) == questions
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_tokens_told_by_their_texts_are_refused() -> None:
    with (
        client(Service(lambda _: {"Ulm": -0.1})) as source,
        pytest.raises(ModelUnavailableError, match="ids"),
    ):
        source.likeliest([(4,)])


def test_a_service_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    source = CompletionsService(silent_address(), model="base")
    with pytest.raises(ModelUnavailableError, match="status=0"):
        source.likeliest([(4,)])
    source.close()


def test_a_service_that_tells_everything_is_as_good_as_the_model() -> None:
    """And one that tells ten tokens is wrong by no more than it says."""
    base, reference = PlainLaw(llama(0)), PlainLaw(llama(1))
    rows = token_rows(((5, 6, 7), (40, 41)), ((5, 9), (42,)))
    local = build_table(rows, base=base, reference=reference, target_NV=None, pad_id=0)

    def telling(count: int) -> Service:
        def told(context: Sequence[int]) -> dict[str, float]:
            law_V = base(
                torch.tensor([context]), attention_mask_BS=torch.ones(1, len(context))
            )[0, -1]
            best = law_V.topk(count)
            return {
                f"token_id:{token}": value
                for token, value in zip(
                    best.indices.tolist(), best.values.tolist(), strict=True
                )
            }

        return Service(told)

    for count, tolerance in ((VOCABULARY, 1e-5), (10, math.inf)):
        with client(telling(count), told=count) as source:
            law = RemoteLaw(source)
            found = build_table(
                rows, base=law, reference=reference, target_NV=None, pad_id=0
            )
        torch.testing.assert_close(found.base_NV, local.base_NV, rtol=0, atol=tolerance)
        variation_N = (found.base_NV.exp() - local.base_NV.exp()).abs().sum(-1) / 2
        assert float(variation_N.max()) <= law.untold + 1e-6
    assert law.untold > 0.01
