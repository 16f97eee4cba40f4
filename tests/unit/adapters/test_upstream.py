import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from pydantic import SecretStr
from support.completions import Service, completions
from support.replicas import silent_address

from unlearn_core.adapters import upstream
from unlearn_core.adapters.upstream import UpstreamCompletions
from unlearn_core.errors import UnlearnError
from unlearn_core.http_errors import UpstreamMismatchError, UpstreamUnavailableError

pytestmark = pytest.mark.integration

SECRET = 987654


@contextmanager
def client(address: str) -> Iterator[UpstreamCompletions]:
    source = UpstreamCompletions(
        address,
        model="base",
        key=SecretStr("top-secret"),
        tokens=2,
        timeout_seconds=5.0,
    )
    try:
        yield source
    finally:
        source.close()


def by_length(context: Sequence[int]) -> dict[str, float]:
    return {f"token_id:{len(context)}": -0.5, "token_id:0": -1.0}


def test_all_contexts_of_a_step_are_one_question_of_token_ids() -> None:
    with completions(Service(by_length)) as service, client(service.address) as source:
        told = source.tell([(7, 8, 9), (4,)])
    assert told.laws == [{3: -0.5, 0: -1.0}, {1: -0.5, 0: -1.0}]
    assert service.asked == [
        {
            "model": "base",
            "prompt": [[7, 8, 9], [4]],
            "max_tokens": 1,
            "temperature": 0.0,
            "logprobs": 2,
            "return_tokens_as_token_ids": True,
            "ignore_eos": True,
        }
    ]
    assert service.keys == ["Bearer top-secret"]


def test_what_the_model_calls_itself_is_its_mark() -> None:
    with completions(Service(by_length)) as service, client(service.address) as source:
        marks = [source.tell([(4,)]).mark]
        service.model = "another"
        marks.append(source.tell([(4,)]).mark)
    assert marks[0] != marks[1]


def test_many_contexts_are_asked_about_a_few_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upstream, "CONTEXTS_AT_ONCE", 2)
    with completions(Service(by_length)) as service, client(service.address) as source:
        told = source.tell([(4,), (5, 6), (7, 8, 9)])
    assert [asked["prompt"] for asked in service.asked] == [[[4], [5, 6]], [[7, 8, 9]]]
    assert [max(law) for law in told.laws] == [1, 2, 3]


def test_a_service_that_fails_now_and_then_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    flaky = Service(by_length, statuses=[429, 503])
    with completions(flaky) as service, client(service.address) as source:
        assert source.tell([(4,)]).laws == [{1: -0.5, 0: -1.0}]
    assert waited == [0.2, 1.0]


@pytest.mark.parametrize(
    ("statuses", "kind", "questions"),
    [
        ([400], UpstreamMismatchError, 1),
        ([401], UpstreamMismatchError, 1),
        ([404], UpstreamMismatchError, 1),
        ([500] * 9, UpstreamUnavailableError, 3),
        ([429] * 9, UpstreamUnavailableError, 3),
    ],
)
def test_a_refusal_is_told_without_key_or_question(
    statuses: list[int],
    kind: type[UnlearnError],
    questions: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with (
        completions(Service(by_length, statuses=statuses)) as service,
        client(service.address) as source,
        pytest.raises(kind, match=f"status={statuses[0]}") as caught,
    ):
        source.tell([(SECRET,)])
    assert len(service.asked) == questions
    assert "secret" not in str(caught.value)
    assert str(SECRET) not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_service_that_is_away_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with (
        client(silent_address()) as source,
        pytest.raises(UpstreamUnavailableError, match="status=0") as caught,
    ):
        source.tell([(SECRET,)])
    assert str(SECRET) not in str(caught.value)


@pytest.mark.parametrize(
    ("places", "problem"), [([0, 0], "length"), ([1, 2], "length"), ([0], "length")]
)
def test_every_context_has_its_own_answer(places: list[int], problem: str) -> None:
    with (
        completions(Service(by_length, places=places)) as service,
        client(service.address) as source,
        pytest.raises(UpstreamMismatchError, match=problem),
    ):
        source.tell([(4,), (5, 6)])


@pytest.mark.parametrize("offset", [None, {"sequence": 0}, {"sequence": 3}])
def test_a_service_with_an_offset_of_its_own_is_refused(
    offset: dict[str, int] | None,
) -> None:
    with (
        completions(Service(by_length, more={"offset": offset})) as service,
        client(service.address) as source,
    ):
        if offset and offset["sequence"]:
            with pytest.raises(UpstreamMismatchError, match="offset of its own"):
                source.tell([(4,)])
        else:
            assert source.tell([(4,)]).laws == [{1: -0.5, 0: -1.0}]


@pytest.mark.parametrize(
    ("told", "problem"), [({"Ulm": -0.1}, "ids"), ({"token_id:x": -0.1}, "form")]
)
def test_tokens_without_an_id_are_refused(told: dict[str, float], problem: str) -> None:
    with (
        completions(Service(lambda _: told)) as service,
        client(service.address) as source,
        pytest.raises(UpstreamMismatchError, match=problem),
    ):
        source.tell([(4,)])
