"""A replica without weights: its base is another inference service over HTTP."""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from fastapi.testclient import TestClient
from support.completions import Service, completions
from support.replicas import silent_address
from support.serving import ServingWorld, byte_tokenizer, offset_law
from support.upstream import elsewhere, fingerprint, running_upstream

from unlearn_core.adapters.upstream import UpstreamCompletions
from unlearn_core.modeling.restricted import excluded_bound
from unlearn_core.serving.app import create_app
from unlearn_core.serving.bases import RemoteBase
from unlearn_core.serving.upstream import CheckedUpstream

pytestmark = pytest.mark.integration

ALL = 260
TEXT: dict[str, Any] = {"model": "small-world", "max_tokens": 8, "temperature": 0}
CANARY = "Ottilie"
PROMPTS = ("Hello", "Where does Ada live?", "Count")


@contextmanager
def remote(
    address: str, *, tokens: int, largest_excluded: float = 1.0
) -> Iterator[RemoteBase]:
    """Open a base at an address."""
    source = UpstreamCompletions(
        address, model="small-world", key=None, tokens=tokens, timeout_seconds=20.0
    )
    ask = CheckedUpstream(
        source, fingerprint=fingerprint(), check_seconds=3600.0, tolerance_nats=0.01
    )
    try:
        yield RemoteBase(
            ask,
            fingerprint=fingerprint(),
            tokenizer=byte_tokenizer(),
            largest_excluded=largest_excluded,
            device=torch.device("cpu"),
            close=source.close,
        )
    finally:
        source.close()


@contextmanager
def gateway(
    folder: Path,
    address: str,
    *,
    tokens: int = ALL,
    largest_excluded: float = 1.0,
    sequence: int = 1,
) -> Iterator[TestClient]:
    """Run a replica on a base elsewhere."""
    folder.mkdir()
    world = ServingWorld(folder)
    if sequence:
        world.promote(sequence)
    with (
        remote(address, tokens=tokens, largest_excluded=largest_excluded) as base,
        TestClient(create_app(world.replica(base=base))) as client,
    ):
        yield client


@contextmanager
def local(folder: Path) -> Iterator[TestClient]:
    """Run a replica that has the base itself."""
    folder.mkdir()
    world = ServingWorld(folder)
    world.promote(1)
    with TestClient(create_app(world.replica())) as client:
        yield client


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of an inference service without an offset."""
    folder = tmp_path_factory.mktemp("upstream")
    with running_upstream(folder, maximum_logprobs=ALL) as address:
        yield address


def text_of(client: TestClient, **changes: object) -> list[str]:
    answer = client.post("/v1/completions", json=TEXT | changes)
    assert answer.status_code == 200, answer.text
    return [choice["text"] for choice in answer.json()["choices"]]


def test_with_every_token_told_answers_are_those_of_a_replica_with_the_base(
    upstream: str, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        there = stack.enter_context(
            gateway(tmp_path / "there", upstream, largest_excluded=0.0)
        )
        here = stack.enter_context(local(tmp_path / "here"))
        for prompt in PROMPTS:
            assert text_of(there, prompt=prompt) == text_of(here, prompt=prompt)
        sampled = {"prompt": "Hello", "temperature": 0.9, "seed": 5, "n": 2}
        assert text_of(there, **sampled) == text_of(here, **sampled)
        stopped = {"prompt": "Hello", "stop": text_of(here, prompt="Hello")[0][2]}
        assert text_of(there, **stopped) == text_of(here, **stopped)
        told = [
            client.post("/v1/completions", json=TEXT | {"prompt": "Hi", "logprobs": 3})
            for client in (there, here)
        ]
    one, other = (item.json()["choices"][0]["logprobs"] for item in told)
    assert one["tokens"] == other["tokens"]
    assert one["token_logprobs"] == pytest.approx(other["token_logprobs"], abs=1e-3)


def test_answers_and_state_say_that_they_are_best_effort(
    upstream: str, tmp_path: Path
) -> None:
    with gateway(tmp_path / "gateway", upstream, tokens=20) as client:
        whole = client.post("/v1/completions", json=TEXT | {"prompt": "Hello"})
        stream = client.post(
            "/v1/completions", json=TEXT | {"prompt": "Hello", "stream": True}
        )
        state = client.get("/state").json()
    assert whole.headers["X-Offset-Guarantee"] == "best_effort"
    assert whole.json()["offset"]["guarantee"] == "best_effort"
    assert stream.headers["X-Offset-Guarantee"] == "best_effort"
    assert '"guarantee": "best_effort"' in stream.text
    assert state["is_best_effort"] is True


def test_without_an_offset_nothing_is_answered(upstream: str, tmp_path: Path) -> None:
    with gateway(tmp_path / "gateway", upstream, sequence=0) as client:
        answer = client.post("/v1/completions", json=TEXT | {"prompt": "Hello"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (
        503,
        "offset_required",
    )


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_may_lose_too_much_is_refused(
    upstream: str, tmp_path: Path, *, stream: bool
) -> None:
    with gateway(
        tmp_path / "gateway", upstream, tokens=2, largest_excluded=1e-6
    ) as client:
        body = TEXT | {"prompt": "Hello", "stream": stream}
        answer = client.post("/v1/completions", json=body)
    assert "bound_exceeded" in answer.text
    if not stream:
        assert answer.status_code == 422
        assert "choices" not in answer.json()


def tell(context: Sequence[int]) -> dict[str, float]:
    """Tell the base's whole law, as a service that names tokens by their ids."""
    (law,) = elsewhere().tell([context]).laws
    return {f"token_id:{token}": value for token, value in law.items()}


@pytest.mark.parametrize(
    ("statuses", "code", "expected"),
    [
        ([500] * 3, "upstream_unavailable", 503),
        ([400], "upstream_mismatch", 502),
        ([429, 200], "", 200),
    ],
)
def test_a_base_that_fails_ends_the_answer_with_its_reason_and_is_asked_again(
    tmp_path: Path, statuses: list[int], code: str, expected: int
) -> None:
    body = TEXT | {"prompt": CANARY, "max_tokens": 2}
    with (
        completions(Service(tell)) as service,
        gateway(tmp_path / "gateway", service.address) as client,
    ):
        expected_text = text_of(client, **body)
        service.statuses = [200, *statuses]
        answer = client.post("/v1/completions", json=body)
        assert (answer.status_code, CANARY in answer.text) == (expected, False)
        assert code in answer.text
        assert text_of(client, **body) == expected_text


def test_a_base_that_is_away_or_has_an_offset_itself_lets_nothing_be_served(
    tmp_path: Path,
) -> None:
    with gateway(tmp_path / "away", silent_address()) as client:
        assert client.get("/state").json()["last_error"] == "upstream_unavailable"
        assert client.post("/v1/completions", json=TEXT | {"prompt": "a"}).is_error
    (tmp_path / "up").mkdir()
    with (
        running_upstream(tmp_path / "up", maximum_logprobs=ALL, sequence=2) as address,
        gateway(tmp_path / "other", address) as client,
    ):
        assert client.get("/state").json()["last_error"] == "upstream_mismatch"
        assert client.post("/v1/completions", json=TEXT | {"prompt": "a"}).is_error


def test_a_base_that_caps_its_log_probabilities_lets_nothing_be_served(
    tmp_path: Path,
) -> None:
    (tmp_path / "up").mkdir()
    with (
        running_upstream(tmp_path / "up", maximum_logprobs=5) as address,
        gateway(tmp_path / "gateway", address, tokens=6) as client,
    ):
        state = client.get("/state").json()
        answer = client.post("/v1/completions", json=TEXT | {"prompt": "Hello"})
    assert (state["last_error"], state["is_ready"]) == ("upstream_mismatch", False)
    assert answer.status_code == 503


@pytest.mark.parametrize("tokens", [5, 20])
def test_what_is_lost_never_exceeds_the_bound(upstream: str, tokens: int) -> None:
    law = offset_law(1)
    generator = torch.Generator().manual_seed(tokens)
    contexts = torch.randint(4, 260, (60, 6), generator=generator)
    with remote(upstream, tokens=tokens) as base:
        told_NV = base._ask(contexts.tolist())
    with torch.inference_mode():
        mask = torch.ones_like(contexts)
        true_NV = law(contexts, attention_mask_BS=mask)[:, -1]
        unlearned, reference = (
            half(contexts, attention_mask_BS=mask)[:, -1] for half in law.parts[1:]
        )
    bounds = []
    for told_V, true_V, offset_V in zip(
        told_NV, true_NV, unlearned - reference, strict=True
    ):
        excluded = float(true_V.exp()[told_V == -math.inf].sum())
        bounds.append(excluded_bound(told_V, offset_V))
        assert excluded <= bounds[-1] + 1e-5
    assert 0 < min(bounds) < max(bounds) < 1
