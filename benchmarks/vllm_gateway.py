"""Our gateway with a real vLLM as its base: a part of ``make check-vllm``.

vLLM runs without the plug-in and tells log-probabilities of the bare base; the gateway
adds the offset. With every token told its answers are those of the separate models.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx
from support.serving import byte_tokenizer

from benchmarks.gateway import gateway
from benchmarks.vllm_world import BASE_MODEL, World
from unlearn_core.modeling.weights import LanguageModel, identity_of

BARE = "--max-logprobs 260 --no-async-scheduling"
"""Options with which vLLM tells every token; 260 is the vocabulary."""

ANSWER_TOKENS = 24
FEW_TOKENS = 20

Greedy = Callable[[Sequence[int]], list[int]]


def check_gateway(
    place: World, address: str, prompts: Sequence[Sequence[int]], greedy: Greedy
) -> dict[str, Any]:
    """Ask the gateway, with every token told and with few.

    Args:
        place: Has the law that must be served.
        address: Where the bare vLLM is.
        prompts: Token ids.
        greedy: Gives the tokens of the separate models.
    """
    base = LanguageModel(
        model=place.base,
        tokenizer=byte_tokenizer(),
        identity=identity_of(place.folder / "base"),
    )
    expected = [greedy(prompt) for prompt in prompts]
    found: dict[str, Any] = {}
    for tokens in (base.tokenizer.size, FEW_TOKENS):
        with gateway(address, place.law(1), base, model=BASE_MODEL, tokens=tokens) as (
            http,
            model,
        ):
            began = time.perf_counter()
            answers = [_ids(http, model, prompt) for prompt in prompts]
            seconds = time.perf_counter() - began
        found[str(tokens)] = {
            "answers": len(answers),
            "equal": sum(
                one == other for one, other in zip(answers, expected, strict=True)
            ),
            "tokens_per_second": round(len(answers) * ANSWER_TOKENS / seconds, 1),
        }
    return found


def _ids(http: httpx.Client, model: str, prompt: Sequence[int]) -> list[int]:
    body = {
        "model": model,
        "prompt": list(prompt),
        "max_tokens": ANSWER_TOKENS,
        "temperature": 0,
        "ignore_eos": True,
        "logprobs": 1,
        "return_tokens_as_token_ids": True,
    }
    answer = http.post("/v1/completions", json=body).raise_for_status().json()
    told = answer["choices"][0]["logprobs"]["tokens"]
    return [int(name.removeprefix("token_id:")) for name in told]
