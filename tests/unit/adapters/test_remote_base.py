import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from pydantic import SecretStr
from support.completions import Service, completions
from support.replicas import silent_address

from unlearn_core.adapters.remote_base import CompletionsService
from unlearn_core.errors import ModelUnavailableError

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


def test_nothing_is_asked_about_nothing() -> None:
    source = CompletionsService(silent_address(), model="base")
    assert source.likeliest([]) == []
    source.close()
