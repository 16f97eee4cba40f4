import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import huggingface_hub
import openai
import pytest
from fastapi.testclient import TestClient
from huggingface_hub.errors import BadRequestError
from support.serving import (
    ServingWorld,
    byte_tokenizer,
    greedy_tokens,
    offset_law,
    running_server,
    served,
    tiny_model,
)
from support.upstream import elsewhere, remote_base
from torch import Tensor

from unlearn_core.http_problems import MAXIMUM_BODY_BYTES
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.rows import Rows
from unlearn_core.serving.admission import Admission
from unlearn_core.serving.app import InferenceService, create_app
from unlearn_core.serving.engine import Engine

pytestmark = pytest.mark.integration

TEXT = {"model": "small-world", "prompt": "Hello", "max_tokens": 8, "temperature": 0}
CHAT = {
    "model": "small-world",
    "messages": [{"role": "user", "content": "Hello"}],
    "max_tokens": 8,
    "temperature": 0,
}
BOTH = [("/v1/completions", TEXT), ("/v1/chat/completions", CHAT)]
CANARY = "Ottilie Quastenflosser"


@pytest.fixture
def world(tmp_path: Path) -> ServingWorld:
    return ServingWorld(tmp_path)


@pytest.fixture
def service(world: ServingWorld) -> InferenceService:
    return world.replica()


@pytest.fixture
def client(service: InferenceService) -> Iterator[TestClient]:
    with TestClient(create_app(service)) as client:
        yield client


def expected_text(sequence: int, prompt: str = "Hello", count: int = 8) -> str:
    tokenizer = byte_tokenizer()
    law = offset_law(sequence) if sequence else PlainLaw(tiny_model(1))
    return tokenizer.decode(greedy_tokens(law, tokenizer.text(prompt), count))


# Readiness.


def test_a_fresh_service_is_ready_with_the_bare_base(client: TestClient) -> None:
    answer = client.get("/ready")
    assert answer.status_code == 200
    assert answer.json() == {
        "replica": "replica-1",
        "is_ready": True,
        "sequence": 0,
        "version": "",
        "oldest_in_flight": None,
        "in_flight": 0,
        "in_flight_by_sequence": {},
        "last_error": "",
        "is_best_effort": False,
        "is_cut_off": False,
        "restrictions": 0,
    }


def test_a_service_without_an_acceptable_version_is_alive_but_not_ready(
    world: ServingWorld, client: TestClient, service: InferenceService
) -> None:
    world.promote(1)
    service.watcher.look()
    assert client.get("/ready").status_code == 200
    world.expire()
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()["is_ready"]) == (503, False)
    assert client.get("/state").json() == answer.json()
    assert client.get("/health").json() == {"status": "alive"}


def test_the_state_names_a_refusal_and_the_version_that_goes_on(
    world: ServingWorld, client: TestClient, service: InferenceService
) -> None:
    world.promote(1)
    service.watcher.look()
    world.registry.is_reachable = False
    service.watcher.look()
    state = client.get("/state").json()
    assert (state["sequence"], state["last_error"]) == (1, "registry_unavailable")
    assert state["is_ready"] is True


def test_the_state_counts_running_answers_by_version(
    world: ServingWorld, client: TestClient, service: InferenceService
) -> None:
    world.promote(1)
    service.watcher.look()
    with service.slot.lease(), service.slot.lease():
        world.promote(2)
        service.watcher.look()
        with service.slot.lease():
            state = client.get("/state").json()
    assert state["in_flight_by_sequence"] == {"1": 2, "2": 1}
    assert (state["oldest_in_flight"], state["in_flight"]) == (1, 3)
    assert client.get("/state").json()["in_flight_by_sequence"] == {}


def test_the_one_served_model_is_listed(client: TestClient) -> None:
    listed = client.get("/v1/models").json()
    (model,) = listed["data"]
    assert (listed["object"], model["id"], model["object"]) == (
        "list",
        "small-world",
        "model",
    )
    assert abs(model["created"] - time.time()) < 60


# Answers.


@pytest.mark.parametrize("sequence", [0, 1, 2])
def test_every_answer_comes_from_the_version_that_it_is_stamped_with(
    world: ServingWorld, client: TestClient, service: InferenceService, sequence: int
) -> None:
    for number in range(1, sequence + 1):
        world.promote(number)
        service.watcher.look()
    answer = client.post("/v1/completions", json=TEXT)
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["text"] == expected_text(sequence)
    assert answer.headers["X-Offset-Sequence"] == str(sequence)
    assert answer.json()["offset"]["sequence"] == sequence
    assert answer.headers["X-Offset-Version"] == (str(sequence) if sequence else "none")


@pytest.mark.parametrize(("path", "body"), BOTH)
def test_a_stream_is_stamped_in_its_headers_and_in_every_frame(
    world: ServingWorld,
    client: TestClient,
    service: InferenceService,
    path: str,
    body: dict[str, Any],
) -> None:
    pointer = world.promote(1)
    service.watcher.look()
    answer = client.post(path, json=body | {"stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["X-Offset-Manifest"] == pointer.manifest
    lines = [line for line in answer.text.split("\n\n") if line]
    assert lines[-1] == "data: [DONE]"
    frames = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    assert {frame["offset"]["manifest"] for frame in frames} == {pointer.manifest}
    assert service.slot.in_flight == 0


def test_whole_and_streamed_answers_are_the_same_text(client: TestClient) -> None:
    stream = client.post("/v1/completions", json=TEXT | {"stream": True}).text
    pieces = [
        json.loads(line.removeprefix("data: "))["choices"][0]["text"]
        for line in stream.split("\n\n")
        if line and not line.endswith("[DONE]")
    ]
    assert "".join(pieces) == expected_text(0)


# No way around the offset.


def bare(world: ServingWorld, service: InferenceService) -> None:
    """Require a version that the registry does not give."""
    world.publish(replace(world.register(1), version="9"))
    service.watcher.look()


def outdated(world: ServingWorld, service: InferenceService) -> None:
    """Require a later version than the one that is loaded."""
    world.promote(1)
    service.watcher.look()
    world.publish(replace(world.register(2), version="9"))
    service.watcher.look()


def expired(world: ServingWorld, service: InferenceService) -> None:
    world.promote(1)
    service.watcher.look()
    world.expire()


@pytest.mark.parametrize("situation", [bare, outdated, expired])
@pytest.mark.parametrize(("path", "body"), BOTH)
@pytest.mark.parametrize("stream", [False, True])
def test_nothing_is_answered_without_an_acceptable_offset(
    world: ServingWorld,
    client: TestClient,
    service: InferenceService,
    situation: Callable[[ServingWorld, InferenceService], None],
    path: str,
    body: dict[str, Any],
    *,
    stream: bool,
) -> None:
    situation(world, service)
    answer = client.post(path, json=body | {"stream": stream})
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["error"]["code"] == "offset_required"
    assert service.slot.in_flight == 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_pair_that_breaks_ends_the_answer_with_an_error(
    client: TestClient, service: InferenceService, *, stream: bool
) -> None:
    broken = tiny_model(5)
    broken.get_parameter("model.norm.weight").fill_(float("nan"))
    law = OffsetModel(
        tiny_model(1), unlearned=broken, reference=tiny_model(2), alpha=1.0
    )
    service.slot.swap(served(1, law))
    answer = client.post("/v1/completions", json=TEXT | {"stream": stream})
    assert expected_text(0)[:3] not in answer.text
    if stream:
        (error, done, _end) = answer.text.split("\n\n")
        assert json.loads(error.removeprefix("data: "))["error"]["type"] == (
            "generation_failed"
        )
        assert done == "data: [DONE]"
    else:
        assert answer.status_code == 500
        assert answer.json()["error"]["code"] == "generation_failed"
    assert service.slot.in_flight == 0


@pytest.mark.parametrize(
    "attempt",
    [
        {"alpha": 0},
        {"offset": None},
        {"extra_body": {"offset": False}},
        {"model": "base"},
        {"model": "small-world@0"},
    ],
)
def test_no_field_of_a_request_chooses_another_law(
    client: TestClient, attempt: dict[str, Any]
) -> None:
    answer = client.post("/v1/completions", json=TEXT | attempt)
    assert answer.status_code in {400, 404}


def test_only_the_documented_routes_exist(service: InferenceService) -> None:
    paths = create_app(service).openapi()["paths"]
    assert set(paths) == {
        "/v1/completions",
        "/v1/chat/completions",
        "/v1/models",
        "/health",
        "/metrics",
        "/ready",
        "/state",
    }


# Errors.


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"logprobs": 6}, "logprobs"),
        ({"echo": True}, "echo"),
        ({"n": 9}, "n"),
        ({"best_of": 2}, "best_of"),
        ({"use_beam_search": True}, "use_beam_search"),
        ({"prompt_logprobs": 1}, "prompt_logprobs"),
        ({"prompt_embeds": "AAAA"}, "prompt_embeds"),
        ({"logit_bias": {CANARY: 1}}, "logit_bias"),
        ({"logit_bias": {"260": 1}}, "logit_bias"),
        ({"stream_options": {}}, "stream_options"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"prompt": 7}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({CANARY: 1}, "body"),
    ],
)
def test_what_cannot_be_honoured_is_a_problem_that_names_the_field(
    client: TestClient, change: dict[str, Any], parameter: str
) -> None:
    answer = client.post("/v1/completions", json=TEXT | {"user": CANARY} | change)
    body = answer.json()
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["error"]["code"] in {"invalid_request", "unsupported_parameter"}
    assert (body["title"], body["status"]) == ("Bad Request", 400)
    assert body["error"]["param"] == parameter
    assert parameter in body["error"]["message"]
    assert CANARY not in answer.text


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"prompt": CANARY + "x" * 150}, 400, "context_length_exceeded"),
        ({"prompt": CANARY, "model": CANARY}, 404, "model_not_found"),
        ({"prompt": [[CANARY]]}, 400, "invalid_request"),
    ],
)
def test_a_refused_question_is_not_repeated(
    client: TestClient,
    caplog: pytest.LogCaptureFixture,
    change: dict[str, Any],
    status: int,
    code: str,
) -> None:
    caplog.set_level(logging.DEBUG, logger="unlearn")
    answer = client.post("/v1/completions", json=TEXT | change)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert CANARY not in answer.text + caplog.text


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b'"text"', "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"prompt=Hello", "application/x-www-form-urlencoded", 400),
        (b"", "application/json", 400),
        (b" " * (MAXIMUM_BODY_BYTES + 1), "application/json", 413),
    ],
)
def test_a_body_that_is_no_request_is_a_problem(
    client: TestClient, content: bytes, kind: str, status: int
) -> None:
    answer = client.post(
        "/v1/completions", content=content, headers={"Content-Type": kind}
    )
    assert answer.status_code == status
    assert answer.json()["status"] == status


def test_unknown_paths_and_methods_are_problems_too(client: TestClient) -> None:
    assert client.get("/v1/nothing").json()["status"] == 404
    answer = client.get("/v1/completions")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_an_unexpected_error_is_answered_without_its_text(
    client: TestClient,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr("unlearn_core.serving.app.read_question", fail)
    answer = client.post("/v1/completions", json=TEXT)
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "unexpected_error"
    assert CANARY not in answer.text + caplog.text


def test_a_shorter_context_of_the_pair_limits_the_question(
    client: TestClient, service: InferenceService
) -> None:
    service.slot.swap(served(1, offset_law(1, context=12)))
    answer = client.post("/v1/completions", json=TEXT)
    assert answer.json()["error"]["code"] == "context_length_exceeded"


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_asked_and_answered_is_in_no_log(
    client: TestClient, caplog: pytest.LogCaptureFixture, *, stream: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    asked = {"prompt": CANARY, "user": CANARY, "stop": [CANARY], "stream": stream}
    answer = client.post("/v1/completions", json=TEXT | asked)
    assert answer.status_code == 200
    told = expected_text(0, CANARY)
    assert not [text for text in (CANARY, told) if text in caplog.text]


# A real server, and the official client.


class SlowRows(Rows):
    """Running rows that take their time."""

    def advance(self, tokens: Sequence[int]) -> Tensor:
        """Wait, then go on."""
        time.sleep(0.02)
        return super().advance(tokens)


class SlowLaw(PlainLaw):
    """A law whose answers take their time."""

    def rows(self) -> Rows:
        """Return running rows, none yet."""
        return SlowRows(self.model)


def test_a_client_that_leaves_frees_its_version(
    service: InferenceService,
) -> None:
    service.slot.swap(served(1, SlowLaw(tiny_model(1))))
    body = TEXT | {"max_tokens": 150, "stream": True}
    with running_server(create_app(service)) as address:
        with (
            httpx.Client(base_url=address) as client,
            client.stream("POST", "/v1/completions", json=body) as answer,
        ):
            lines = answer.iter_lines()
            next(lines)
            assert service.slot.in_flight == 1
        assert becomes_idle(service)


def test_a_client_that_does_not_wait_for_a_whole_answer_frees_its_version(
    service: InferenceService,
) -> None:
    service.slot.swap(served(1, SlowLaw(tiny_model(1))))
    body = TEXT | {"max_tokens": 150, "n": 2}
    with (
        running_server(create_app(service)) as address,
        httpx.Client(base_url=address) as client,
    ):
        with pytest.raises(httpx.ReadTimeout):
            client.post("/v1/completions", json=body, timeout=0.3)
        assert becomes_idle(service)


@pytest.mark.parametrize("stream", [False, True])
def test_a_running_answer_is_finished_when_the_service_is_told_to_stop(
    service: InferenceService, *, stream: bool
) -> None:
    service.slot.swap(served(1, SlowLaw(tiny_model(1))))
    body = TEXT | {"max_tokens": 40, "stream": stream, "temperature": 0}
    answers: list[httpx.Response] = []
    with running_server(create_app(service)) as address:
        asking = threading.Thread(
            target=lambda: answers.append(
                httpx.post(f"{address}/v1/completions", json=body, timeout=30)
            )
        )
        asking.start()
        while not service.slot.in_flight:
            time.sleep(0.01)
    # The server has ended, the answer has been given.
    asking.join()
    (answer,) = answers
    assert answer.status_code == 200
    if stream:
        assert answer.text.endswith("data: [DONE]\n\n")
        assert '"finish_reason": "length"' in answer.text
    else:
        assert answer.json()["usage"]["completion_tokens"] == 40
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/health")


def becomes_idle(service: InferenceService) -> bool:
    """Wait a little for the last answer to end; tell whether it did."""
    deadline = time.monotonic() + 2
    while service.slot.in_flight and time.monotonic() < deadline:
        time.sleep(0.01)
    return service.slot.in_flight == 0


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_of_a_recalled_version_says_so(
    service: InferenceService, *, stream: bool
) -> None:
    version = served(1)
    version.recalled.set()
    service.slot.swap(version)
    with TestClient(create_app(service)) as client:
        answer = client.post("/v1/completions", json=TEXT | {"stream": stream})
    if stream:
        body = json.loads(answer.text.split("\n\n")[0].removeprefix("data: "))
    else:
        body = answer.json()
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert body["error"]["code"] == "version_recalled"


class Replaced(SlowLaw):
    """A law whose version is replaced while it answers.

    Args:
        service: Where it answers.
        following: The version that comes after, if any does.
    """

    def __init__(self, service: InferenceService, following: int | None) -> None:
        super().__init__(tiny_model(1))
        self.version = served(1, self)
        self.minimum = 0
        self._service = service
        self._following = following

    def rows(self) -> Rows:
        """Return running rows; whoever asks for them is too late."""
        if self._following is not None:
            self._service.slot.swap(served(self._following))
        self._service.slot.require(self.minimum)
        self.version.recalled.set()
        return super().rows()


def test_a_whole_answer_begins_anew_under_the_new_version_if_the_policy_says_so(
    service: InferenceService,
) -> None:
    service.slot.swap(Replaced(service, 2).version)
    with TestClient(create_app(replace(service, restarts=True))) as client:
        answer = client.post("/v1/completions", json=TEXT)
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["text"] == expected_text(2)
    assert answer.json()["offset"]["sequence"] == 2
    assert answer.headers["X-Offset-Sequence"] == "2"
    assert service.slot.in_flight == 0


def test_text_that_was_handed_out_is_never_begun_anew(
    service: InferenceService,
) -> None:
    service.slot.swap(Replaced(service, 2).version)
    with TestClient(create_app(replace(service, restarts=True))) as client:
        answer = client.post("/v1/completions", json=TEXT | {"stream": True})
    body = json.loads(answer.text.split("\n\n")[0].removeprefix("data: "))
    assert body["error"]["code"] == "version_recalled"


def test_an_answer_does_not_begin_anew_for_ever(service: InferenceService) -> None:
    law = Replaced(service, None)
    service.slot.swap(law.version)
    with TestClient(create_app(replace(service, restarts=True))) as client:
        answer = client.post("/v1/completions", json=TEXT)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_nothing_begins_anew_after_a_withdrawal(service: InferenceService) -> None:
    withdrawn = Replaced(service, None)
    service.slot.swap(withdrawn.version)
    withdrawn.minimum = 2
    with TestClient(create_app(replace(service, restarts=True))) as client:
        answer = client.post("/v1/completions", json=TEXT)
    assert answer.json()["error"]["code"] == "offset_required"


@pytest.mark.parametrize("stream", [False, True])
def test_a_full_queue_is_answered_with_the_time_to_wait(
    service: InferenceService, *, stream: bool
) -> None:
    full = replace(service, engine=Engine(maximum_waiting=1))
    with TestClient(create_app(full)) as client:
        answer = client.post("/v1/completions", json=TEXT | {"n": 2, "stream": stream})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert answer.json()["error"]["code"] == "overloaded"
        assert full.slot.in_flight == 0
        assert client.post("/v1/completions", json=TEXT).status_code == 200


def test_a_service_with_keys_answers_nobody_without_one(
    service: InferenceService,
) -> None:
    digest = hashlib.sha256(b"secret").hexdigest()
    guarded = replace(
        service, admission=Admission(api_keys=[digest], requests_per_minute=2)
    )
    headers = {"Authorization": "Bearer secret"}
    with TestClient(create_app(guarded)) as client:
        assert client.get("/state").status_code == 200
        for path, body in BOTH:
            assert client.post(path, json=body).status_code == 401
        # Refused before it is read.
        assert client.post("/v1/completions", content=b"{").status_code == 401
        answers = [
            client.post("/v1/completions", json=TEXT, headers=headers) for _ in "123"
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 0 < int(answers[2].headers["Retry-After"]) <= 30


def test_server_sent_events_can_be_read_without_any_library(
    service: InferenceService,
) -> None:
    body = CHAT | {"stream": True, "stream_options": {"include_usage": True}}
    with (
        running_server(create_app(service)) as address,
        httpx.Client(base_url=address) as client,
        client.stream("POST", "/v1/chat/completions", json=body) as answer,
    ):
        events = [line for line in answer.iter_lines() if line]
    assert events[-1] == "data: [DONE]"
    frames = [json.loads(event.removeprefix("data: ")) for event in events[:-1]]
    text = "".join(
        choice["delta"]["content"] for frame in frames for choice in frame["choices"]
    )
    tokenizer = byte_tokenizer()
    prompt = tokenizer.question("Hello")
    expected = greedy_tokens(PlainLaw(tiny_model(1)), prompt, 8)
    assert text == tokenizer.decode(expected)
    assert frames[-1]["usage"]["total_tokens"] == len(prompt) + 8


def test_the_official_client_understands_answers_streams_and_errors(
    world: ServingWorld, service: InferenceService
) -> None:
    with (
        running_server(create_app(service)) as address,
        openai.OpenAI(
            base_url=f"{address}/v1", api_key="none", max_retries=0
        ) as client,
    ):
        world.promote(1)
        service.watcher.look()
        assert [model.id for model in client.models.list()] == ["small-world"]
        text = client.completions.create(
            model="small-world", prompt="Hello", max_tokens=8, temperature=0
        )
        assert text.choices[0].text == expected_text(1)
        assert text.usage is not None
        assert text.usage.total_tokens == 13
        messages: Any = CHAT["messages"]
        chat = client.chat.completions.create(
            model="small-world", messages=messages, max_tokens=8, temperature=0
        )
        pieces = client.chat.completions.create(
            model="small-world",
            messages=messages,
            max_tokens=8,
            temperature=0,
            stream=True,
        )
        written = "".join(piece.choices[0].delta.content or "" for piece in pieces)
        assert written == chat.choices[0].message.content
        with pytest.raises(openai.BadRequestError, match="echo") as refused:
            client.completions.create(model="small-world", prompt="a", echo=True)
        assert refused.value.param == "echo"
        with pytest.raises(openai.NotFoundError) as unknown:
            client.completions.create(model="base", prompt="a")
        assert unknown.value.code == "model_not_found"
        world.expire()
        with pytest.raises(openai.InternalServerError) as expired_pointer:
            client.completions.create(model="small-world", prompt="a")
        assert expired_pointer.value.code == "offset_required"


def test_the_official_client_gets_choices_log_probabilities_and_usage(
    service: InferenceService,
) -> None:
    messages: Any = CHAT["messages"]
    with (
        running_server(create_app(service)) as address,
        openai.OpenAI(base_url=f"{address}/v1", api_key="k", max_retries=0) as client,
    ):
        chat = client.chat.completions.create(
            model="small-world",
            messages=messages,
            max_completion_tokens=4,
            n=2,
            seed=1,
            logprobs=True,
            top_logprobs=5,
            presence_penalty=0,
        )
        assert [choice.index for choice in chat.choices] == [0, 1]
        for choice in chat.choices:
            assert choice.logprobs is not None
            assert choice.logprobs.content is not None
            assert [len(item.top_logprobs) for item in choice.logprobs.content] == (
                [5] * 4
            )
        stream = client.completions.create(
            model="small-world",
            prompt="Hello",
            max_tokens=8,
            temperature=0,
            stop=[expected_text(0)[5:7]],
            logprobs=2,
            stream=True,
            stream_options={"include_usage": True},
        )
        *pieces, last = stream
        assert "".join(p.choices[0].text for p in pieces) == expected_text(0)[:5]
        assert pieces[-1].choices[0].finish_reason == "stop"
        assert pieces[0].choices[0].logprobs is not None
        assert last.usage is not None
        assert last.usage.prompt_tokens == 5
        with pytest.raises(openai.BadRequestError, match="top_logprobs"):
            client.chat.completions.create(
                model="small-world", messages=messages, logprobs=True, top_logprobs=6
            )


def test_the_client_of_hugging_face_understands_answers_and_streams_too(
    world: ServingWorld, service: InferenceService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another library's client, unmodified: it speaks the same protocol by itself."""
    # Where tests are run offline it would ask no server at all.
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    with running_server(create_app(service)) as address:
        world.promote(1)
        service.watcher.look()
        client = huggingface_hub.InferenceClient(base_url=f"{address}/v1", api_key="k")
        asked: Any = {
            "messages": CHAT["messages"],
            "model": "small-world",
            "max_tokens": 8,
            "temperature": 0,
            "seed": 7,
        }
        whole = client.chat_completion(
            **asked, logprobs=True, top_logprobs=2, stop=["\0"]
        )
        assert whole.usage.completion_tokens == 8
        assert whole.choices[0].finish_reason == "length"
        scored = whole.choices[0].logprobs
        assert scored is not None
        assert [len(item.top_logprobs) for item in scored.content] == [2] * 8
        pieces = list(client.chat_completion(**asked, stream=True))
        written = "".join(
            choice.delta.content or "" for piece in pieces for choice in piece.choices
        )
        assert written == whole.choices[0].message.content
        tokens = greedy_tokens(offset_law(1), byte_tokenizer().question("Hello"), 8)
        assert written == byte_tokenizer().decode(tokens)
        with pytest.raises(BadRequestError):
            client.chat_completion(**asked, extra_body={"echo": True})


def test_metrics_tell_of_answers_versions_and_refusals(world: ServingWorld) -> None:
    service = world.replica(requires_offset=True)
    with TestClient(create_app(service)) as client:
        assert client.post("/v1/completions", json=TEXT).status_code == 503
        told = client.get("/metrics").text
        assert "unlearn:offset_rejected_requests_total 1.0" in told
        assert "unlearn:offset_active_version 0.0" in told
        world.promote(1)
        service.watcher.look()
        assert client.post("/v1/completions", json=TEXT).status_code == 200
        world.registry.is_reachable = False
        service.watcher.look()
        told = client.get("/metrics").text
    for line in (
        "unlearn:offset_active_version 1.0",
        "unlearn:offset_swap_seconds_count 1.0",
        "unlearn:generation_tokens_total 8.0",
        'unlearn:request_success_total{finished_reason="length"} 1.0',
        'unlearn:offset_verify_failures_total{reason="registry_unavailable"} 1.0',
    ):
        assert line in told


def test_metrics_need_a_key_if_there_are_any(service: InferenceService) -> None:
    digest = hashlib.sha256(b"key").hexdigest()
    guarded = replace(service, admission=Admission(api_keys=[digest]))
    with TestClient(create_app(guarded)) as client:
        assert client.get("/metrics").status_code == 401
        headers = {"Authorization": "Bearer key"}
        assert client.get("/metrics", headers=headers).status_code == 200


def test_connections_to_a_base_elsewhere_end_with_the_replica(
    world: ServingWorld,
) -> None:
    closed: list[str] = []
    base = remote_base(elsewhere(), close=lambda: closed.append("upstream"))
    with TestClient(create_app(world.replica(base=base))):
        assert not closed
    assert closed == ["upstream"]
