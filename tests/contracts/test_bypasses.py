"""Known ways in which servers answer without a processor of the law, one test each.

Each way exists in a real inference server. Here it must be refused, or give the offset.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from fastapi.testclient import TestClient
from support.serving import (
    ServingWorld,
    byte_tokenizer,
    greedy_tokens,
    language_model,
    offset_law,
)
from torch import Tensor

from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.serving import schemas
from unlearn_core.serving.app import create_app

TOKENIZER = byte_tokenizer()
PROMPT = "Where does Ada live?"
MESSAGES = [{"role": "user", "content": PROMPT}]
TEXT: dict[str, Any] = {"model": "small-world", "prompt": PROMPT, "max_tokens": 4}
CHAT: dict[str, Any] = {"model": "small-world", "messages": MESSAGES, "max_tokens": 4}
TEXT_PATH, CHAT_PATH = "/v1/completions", "/v1/chat/completions"
BOTH = [(TEXT_PATH, TEXT), (CHAT_PATH, CHAT)]
SERVED, BASE = offset_law(1), PlainLaw(language_model().model)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Return a client of a replica that serves the first version."""
    world = ServingWorld(tmp_path_factory.mktemp("world"))
    world.promote(1)
    with TestClient(create_app(world.replica())) as client:
        yield client


def next_law(law: NextTokenLaw, ids: list[int]) -> Tensor:
    """Return the law of the next token, computed without any cache."""
    ids_BT = torch.tensor([ids])
    with torch.inference_mode():
        return law(ids_BT, attention_mask_BS=torch.ones_like(ids_BT))[0, -1]


def greedy_text(law: NextTokenLaw, prompt: list[int], count: int = 4) -> str:
    return TOKENIZER.decode(greedy_tokens(law, prompt, count))


def prompt_ids(path: str) -> list[int]:
    return TOKENIZER.text(PROMPT) if path == TEXT_PATH else TOKENIZER.question(PROMPT)


def text_of(body: dict[str, Any]) -> str:
    (choice,) = body["choices"]
    return str(choice["text"] if "text" in choice else choice["message"]["content"])


def test_the_tests_can_tell_the_base_from_the_served_law() -> None:
    for path, _ in BOTH:
        ids = prompt_ids(path)
        assert greedy_text(BASE, ids) != greedy_text(SERVED, ids)
        assert not torch.allclose(next_law(BASE, ids), next_law(SERVED, ids), atol=0.1)


# Log-probabilities that are taken before the processor.


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("temperature", [0, 0.5, 2])
def test_log_probabilities_of_a_text_are_served_ones_at_any_temperature(
    client: TestClient, temperature: float, *, stream: bool
) -> None:
    asked = {"logprobs": 5, "max_tokens": 1, "temperature": temperature, "top_p": 0.9}
    answer = client.post(TEXT_PATH, json=TEXT | asked | {"stream": stream})
    first = json.loads(answer.text.split("\n\n")[0].removeprefix("data: "))
    told = first["choices"][0]["logprobs"]["top_logprobs"][0]
    values, ids = next_law(SERVED, prompt_ids(TEXT_PATH)).topk(5)
    labels = [TOKENIZER.label(int(token)) for token in ids]
    expected = dict(zip(labels, values.tolist(), strict=True))
    assert told == pytest.approx(expected, abs=1e-4)


def test_log_probabilities_of_a_chat_are_served_ones(client: TestClient) -> None:
    asked = {"logprobs": True, "top_logprobs": 5, "temperature": 0, "max_tokens": 1}
    (choice,) = client.post(CHAT_PATH, json=CHAT | asked).json()["choices"]
    told = [
        item["logprob"] for item in choice["logprobs"]["content"][0]["top_logprobs"]
    ]
    values = next_law(SERVED, prompt_ids(CHAT_PATH)).topk(5).values.tolist()
    assert told == pytest.approx(values, abs=1e-4)


def test_a_bias_does_not_bring_the_base_s_preference_back(client: TestClient) -> None:
    """A bias that is the same for every token changes nothing."""
    even = {str(token): 7.0 for token in range(260)}
    asked = {"temperature": 0, "logit_bias": even}
    answer = client.post(TEXT_PATH, json=TEXT | asked).json()
    assert text_of(answer) == greedy_text(SERVED, prompt_ids(TEXT_PATH))


# Scores of the prompt, which no processor ever sees.


@pytest.mark.parametrize(("path", "body"), BOTH)
@pytest.mark.parametrize(
    "asked",
    [
        {"echo": True},
        {"echo": True, "logprobs": 1, "max_tokens": 1},
        {"prompt_logprobs": 0},
        {"prompt_logprobs": 5},
        {"prompt_logprobs": True},
        {"return_prompt_token_ids": True},
        {"max_tokens": 0, "echo": True},
    ],
)
def test_a_prompt_is_never_scored(
    client: TestClient, path: str, body: dict[str, Any], asked: dict[str, Any]
) -> None:
    assert client.post(path, json=body | asked).status_code == 400


@pytest.mark.parametrize(("path", "body"), BOTH)
def test_log_probabilities_cover_generated_tokens_only(
    client: TestClient, path: str, body: dict[str, Any]
) -> None:
    asked = {"logprobs": 1} if path == TEXT_PATH else {"logprobs": True}
    (choice,) = client.post(path, json=body | asked).json()["choices"]
    scored = choice["logprobs"]
    assert len(scored["tokens" if path == TEXT_PATH else "content"]) <= 4


# Beam search, which asks anew for single tokens and ranks by their scores.


@pytest.mark.parametrize(("path", "body"), BOTH)
@pytest.mark.parametrize(
    "asked",
    [
        {"use_beam_search": True},
        {"use_beam_search": True, "n": 2, "temperature": 0},
        {"best_of": 2},
        {"best_of": 8, "n": 2},
        {"num_beams": 2},
        {"length_penalty": 1.0},
    ],
)
def test_beam_search_is_refused(
    client: TestClient, path: str, body: dict[str, Any], asked: dict[str, Any]
) -> None:
    assert client.post(path, json=body | asked).status_code == 400


def test_a_beam_search_by_the_client_walks_through_served_laws(
    client: TestClient,
) -> None:
    prompt, ids = PROMPT, prompt_ids(TEXT_PATH)
    for _ in range(3):
        asked = TEXT | {"prompt": prompt, "max_tokens": 1, "logprobs": 2}
        (choice,) = client.post(TEXT_PATH, json=asked).json()["choices"]
        told = list(choice["logprobs"]["top_logprobs"][0].values())
        values = next_law(SERVED, ids).topk(2).values.tolist()
        assert told == pytest.approx(values, abs=1e-4)
        prompt += "a"
        ids += TOKENIZER.text("a")


# Batching that drops processors with a warning.


def test_answers_that_share_a_batch_are_all_served_ones(client: TestClient) -> None:
    asked = TEXT | {"n": 8, "temperature": 0}
    choices = client.post(TEXT_PATH, json=asked).json()["choices"]
    expected = greedy_text(SERVED, prompt_ids(TEXT_PATH))
    assert [choice["text"] for choice in choices] == [expected] * 8


def test_no_code_of_the_service_leaves_decoding_to_a_library() -> None:
    """A library's own loop may leave a processor out; ours knows only laws."""
    package = Path(schemas.__file__).parents[1]
    for folder in ("serving", "modeling"):
        for path in (package / folder).glob("*.py"):
            source = path.read_text(encoding="utf-8")
            for name in (
                "LogitsProcessor",
                ".generate(",
                "generate_batch",
                "pipeline(",
            ):
                assert name not in source, path.name


# Offsets that a client has to ask for, or may leave out.


@pytest.mark.parametrize(("path", "body"), BOTH)
@pytest.mark.parametrize("stream", [False, True])
def test_a_request_that_says_nothing_about_the_offset_gets_it(
    client: TestClient, path: str, body: dict[str, Any], *, stream: bool
) -> None:
    answer = client.post(path, json=body | {"temperature": 0, "stream": stream})
    expected = greedy_text(SERVED, prompt_ids(path))
    if stream:
        lines = [line for line in answer.text.split("\n\n") if line][:-1]
        frames = [
            json.loads(line.removeprefix("data: "))["choices"][0] for line in lines
        ]
        pieces = (frame.get("text") or frame.get("delta", {}) for frame in frames)
        told = "".join(
            piece if isinstance(piece, str) else piece.get("content", "")
            for piece in pieces
        )
    else:
        told = text_of(answer.json())
    assert told == expected
    assert answer.headers["X-Offset-Sequence"] == "1"


@pytest.mark.parametrize(("path", "body"), BOTH)
@pytest.mark.parametrize(
    "asked",
    [
        {"custom_logit_processor": "gASVAA=="},
        {"custom_params": {}},
        {"logits_processors": []},
        {"vllm_xargs": {"offset": 0}},
        {"extra_args": {"offset": 0}},
        {"speculative_config": {"method": "ngram"}},
        {"lora_path": "base"},
        {"guided_choice": ["Ulm"]},
        {"min_p": 0.1},
        {"top_k": 1},
        {"repetition_penalty": 1.0},
        {"allowed_token_ids": [1]},
        {"skip_special_tokens": False},
    ],
)
def test_no_switch_of_another_server_is_accepted(
    client: TestClient, path: str, body: dict[str, Any], asked: dict[str, Any]
) -> None:
    answer = client.post(path, json=body | asked)
    assert (answer.status_code, answer.json()["status"]) == (400, 400)


@pytest.mark.parametrize(
    "model", ["", "base", "small-world ", "small-world:base", "/models/base", "1"]
)
def test_no_other_name_gives_the_bare_model(client: TestClient, model: str) -> None:
    assert client.post(TEXT_PATH, json=TEXT | {"model": model}).status_code == 404


@pytest.mark.parametrize(("path", "body"), BOTH)
def test_no_header_and_no_query_chooses_another_law(
    client: TestClient, path: str, body: dict[str, Any]
) -> None:
    headers = {
        "X-Offset-Version": "none",
        "X-Offset-Sequence": "0",
        "X-Offset-Alpha": "0",
        "X-Require-Offset-Version": "0",
    }
    answer = client.post(
        path,
        json=body | {"temperature": 0},
        headers=headers,
        params={"alpha": "0", "offset": "false", "version": "0", "raw": "true"},
    )
    assert text_of(answer.json()) == greedy_text(SERVED, prompt_ids(path))
    assert answer.headers["X-Offset-Sequence"] == "1"


def test_nothing_that_is_told_holds_the_parts_of_the_law(client: TestClient) -> None:
    """No page and no answer tells alpha, logits, or a law of base or pair."""
    asked = TEXT | {"logprobs": 5, "temperature": 0}
    told = [client.post(TEXT_PATH, json=asked).text]
    told += [client.get(page).text for page in ("/state", "/ready", "/metrics")]
    parts = ("alpha", "logits", "raw", "reference", "unlearned", "difference")
    assert [part for part in parts for text in told if part in text] == []
    choice = json.loads(told[0])["choices"][0]
    assert set(choice) == {"index", "text", "logprobs", "finish_reason"}
    assert set(choice["logprobs"]) == {
        "tokens",
        "token_logprobs",
        "top_logprobs",
        "text_offset",
    }


# Prompts that the small models cannot read.


@pytest.mark.parametrize(
    "prompt", [[0.5, 1.5], [[0.5]], [260], [-1], {"embeds": "AAAA"}, None]
)
def test_a_prompt_is_text_or_tokens_and_nothing_else(
    client: TestClient, prompt: object
) -> None:
    assert client.post(TEXT_PATH, json=TEXT | {"prompt": prompt}).status_code == 400
    embedded = TEXT | {"prompt_embeds": "AAAA"}
    assert client.post(TEXT_PATH, json=embedded).status_code == 400


def test_a_prompt_of_tokens_gets_the_offset_like_its_text(client: TestClient) -> None:
    ids = TOKENIZER.text(PROMPT)
    for prompt, count in ((ids, 1), ([ids, ids], 2), ([PROMPT, PROMPT], 2)):
        body = TEXT | {"prompt": prompt, "temperature": 0}
        choices = client.post(TEXT_PATH, json=body).json()["choices"]
        assert [item["text"] for item in choices] == [greedy_text(SERVED, ids)] * count


# Other doors to the same engine.


@pytest.mark.parametrize(
    "path",
    [
        "/v1/responses",
        "/v1/messages",
        "/v1/embeddings",
        "/v1/score",
        "/v1/rerank",
        "/v1/audio/transcriptions",
        "/v1/batches",
        "/v1/load_lora_adapter",
        "/v1/unload_lora_adapter",
        "/generate",
        "/generate_stream",
        "/completion",
        "/score",
        "/pooling",
        "/classify",
        "/tokenize",
        "/invocations",
        "/inference/v1/generate",
        "/collective_rpc",
        "/update_weights",
        "/update_weights_from_disk",
        "/sleep",
        "/reset_prefix_cache",
        "/lora-adapters",
    ],
)
def test_there_is_no_other_door(client: TestClient, path: str) -> None:
    for method in ("GET", "POST", "PUT"):
        assert client.request(method, path, json=TEXT).status_code == 404


@pytest.mark.parametrize(("path", "body"), BOTH)
def test_every_door_stamps_its_answers(
    client: TestClient, path: str, body: dict[str, Any]
) -> None:
    answer = client.post(path, json=body)
    assert answer.json()["offset"]["manifest"] == answer.headers["X-Offset-Manifest"]
    assert answer.json()["system_fingerprint"] == "offset-1"


def test_every_field_that_is_accepted_is_honoured_somewhere() -> None:
    """A field that is accepted and ignored would be a lie about the answer."""
    package = Path(schemas.__file__).parent
    used = (package / "questions.py").read_text(encoding="utf-8")
    used += (package / "app.py").read_text(encoding="utf-8")
    kinds = (schemas.CompletionRequest, schemas.ChatCompletionRequest)
    fields = {name: item for kind in kinds for name, item in kind.model_fields.items()}
    asks_for_nothing = {"presence_penalty", "frequency_penalty", "prompt_logprobs"}
    asks_for_nothing |= {"use_beam_search", "best_of", "echo", "suffix", "user"}
    assert {
        name for name in fields if f"request.{name}" not in used
    } == asks_for_nothing
