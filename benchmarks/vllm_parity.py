"""Our plug-in inside a real vLLM on the CPU: ``make check-vllm``.

vLLM runs in an environment of its own, with a tiny random base model, and pulls signed
pairs from a registry of its own. What it answers is compared with what the separate
models say, computed anew:

- greedy tokens and their log-probabilities, one by one and many at once, of prompts
  that come in several steps and of requests that are preempted for want of memory;
- sampling cut by ``min_p`` to the likeliest token, and beams;
- answers while a new version is published: each is one version's, whole;
- answers of our gateway whose base is a vLLM without the plug-in (`vllm_gateway`);
- after a withdrawal nothing is answered.

Then it is started as it must not be, and has to refuse: to start, or every request. At
last a larger base is timed beside a vLLM without the plug-in (`vllm_cost`). It ends
with one JSON line, and fails where something is not as it has to be. Only the first
model runner works on the CPU; the second is tested against its interface.
"""

import argparse
import json
import math
import re
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import torch
from rich.console import Console

from benchmarks.vllm_cost import LARGER, check_cost
from benchmarks.vllm_gateway import BARE, check_gateway
from benchmarks.vllm_world import (
    BASE_MODEL,
    SAFE,
    Engines,
    World,
    can_run,
    world,
)
from unlearn_core.local.processes import ProcessNotHealthyError
from unlearn_core.modeling.laws import NextTokenLaw

ANSWER_TOKENS = 24
LONG_ANSWER_TOKENS = 100
PATIENCE_SECONDS = 600.0
PROMPT_LENGTHS = (1, 3, 17, 64, 65, 130, 40, 90)
UNSAFE = {
    "raw_logprobs": "--no-async-scheduling",
    "many_logprobs": f"{SAFE} --max-logprobs 21",
    "prompt_embeds": f"{SAFE} --enable-prompt-embeds",
}
"""Options with which vLLM does not start."""

ASYNCHRONOUS = "--logprobs-mode processed_logprobs --async-scheduling"
"""What the first runner must not do; vLLM leaves it off on a CPU whatever is asked."""

SILENT = (
    f"{SAFE} --speculative-config "
    '{"method":"ngram","num_speculative_tokens":2,"prompt_lookup_max":2}'
)
"""Options with which vLLM 0.32 starts and leaves the processor out."""

FORCED = {"structured_outputs": {"choice": ["Ulm", "Bonn"]}}
SCORED = ("prompt_logprobs", "echo_logprobs", "forced_logprobs")
"""Checks that ask for the score of a text."""

SCARCE = "--num-gpu-blocks-override 10"
"""Room for ten times 32 tokens, when eight answers want four times 32 each."""

_TALK = Console(stderr=True)


def prompts() -> list[list[int]]:
    """Return token ids of prompts of unlike lengths."""
    return [
        [4 + (7 * place + 13 * number) % 250 for place in range(length)]
        for number, length in enumerate(PROMPT_LENGTHS)
    ]


def greedy(
    law: NextTokenLaw, prompt: Sequence[int], count: int
) -> tuple[list[int], list[float]]:
    """Return the likeliest tokens and their log-probabilities, without any cache."""
    ids, scores = list(prompt), list[float]()
    for _ in range(count):
        law_V = _law(law, ids)
        token = int(law_V.argmax())
        ids.append(token)
        scores.append(float(law_V[token]))
    return ids[len(prompt) :], scores


def beams(
    law: NextTokenLaw, prompt: Sequence[int], *, width: int, count: int
) -> list[int]:
    """Return the best of some beams, by the sum of log-probabilities."""
    best: list[tuple[float, list[int]]] = [(0.0, [])]
    for _ in range(count):
        grown = []
        for score, ids in best:
            law_V = _law(law, [*prompt, *ids])
            values, tokens = law_V.topk(2 * width)
            grown += [
                (score + float(value), [*ids, int(token)])
                for value, token in zip(values, tokens, strict=True)
            ]
        best = sorted(grown, key=lambda item: -item[0])[:width]
    return best[0][1]


def _law(law: NextTokenLaw, ids: Sequence[int]) -> torch.Tensor:
    ids_BT = torch.tensor([list(ids)])
    with torch.inference_mode():
        return law(ids_BT, attention_mask_BS=torch.ones_like(ids_BT), first=-1)[0, -1]


def complete(
    address: str, prompt: Sequence[int], count: int, **options: object
) -> dict[str, Any]:
    """Ask for a completion of token ids and return the first choice.

    Raises:
        httpx.HTTPStatusError: vLLM refuses.
    """
    asked = {
        "model": BASE_MODEL,
        "prompt": list(prompt),
        "max_tokens": count,
        "temperature": 0,
        "ignore_eos": True,
        "return_token_ids": True,
        **options,
    }
    answer = httpx.post(
        f"{address}/v1/completions", json=asked, timeout=PATIENCE_SECONDS
    )
    choice: dict[str, Any] = answer.raise_for_status().json()["choices"][0]
    return choice


def status(address: str, **options: object) -> int:
    """Return the status of a request with certain options."""
    try:
        complete(address, prompts()[1], 2, **options)
    except httpx.HTTPStatusError as error:
        return error.response.status_code
    return 200


def check_tokens(address: str, law: NextTokenLaw) -> dict[str, Any]:
    """Compare greedy answers, asked one by one and all at once."""
    expected = [greedy(law, prompt, ANSWER_TOKENS) for prompt in prompts()]

    def ask(prompt: Sequence[int]) -> dict[str, Any]:
        return complete(address, prompt, ANSWER_TOKENS, logprobs=1)

    alone = list(map(ask, prompts()))
    with ThreadPoolExecutor(len(prompts())) as pool:
        together = list(pool.map(ask, prompts()))
    worst = max(
        abs(one - other)
        for choice, (_, scores) in zip(alone + together, expected * 2, strict=True)
        for one, other in zip(choice["logprobs"]["token_logprobs"], scores, strict=True)
    )
    pairs = zip(alone + together, expected * 2, strict=True)
    return {
        "answers": len(alone + together),
        "greedy_equal": all(choice["token_ids"] == ids for choice, (ids, _) in pairs),
        "logprob_error": worst,
    }


def check_preempted(address: str, law: NextTokenLaw) -> dict[str, Any]:
    """Compare answers that grow together until there is no room for all."""
    asked = [[4 + number, 9] for number in range(8)]
    expected = [greedy(law, prompt, LONG_ANSWER_TOKENS)[0] for prompt in asked]
    with ThreadPoolExecutor(len(asked)) as pool:
        found = pool.map(
            lambda prompt: complete(address, prompt, LONG_ANSWER_TOKENS), asked
        )
        told = [choice["token_ids"] for choice in found]
    return {
        "greedy_equal": told == expected,
        "preemptions": metric(address, "vllm:num_preemptions_total"),
    }


def check_sampling(address: str, law: NextTokenLaw) -> dict[str, Any]:
    """Compare what `min_p` leaves and what beams find."""
    prompt = prompts()[2]
    likeliest, _ = greedy(law, prompt, ANSWER_TOKENS)
    cut = complete(address, prompt, ANSWER_TOKENS, temperature=1, min_p=1.0, seed=3)
    options = {"n": 2, "use_beam_search": True, "temperature": 0}
    beam = complete(address, prompt, 4, **options)
    return {
        "min_p_equal": cut["token_ids"] == likeliest,
        "beams_equal": beam["token_ids"][-4:] == beams(law, prompt, width=2, count=4),
    }


def metric(address: str, name: str) -> float:
    """Return a counter of vLLM's."""
    text = httpx.get(f"{address}/metrics").text
    found = re.search(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE)
    return float(found.group(1)) if found else math.nan


def check_swap(place: World, engines: Engines, address: str) -> dict[str, Any]:
    """Ask without a pause while the next version is published."""
    prompt, ended = prompts()[1], threading.Event()
    texts = {n: greedy(place.law(n), prompt, LONG_ANSWER_TOKENS)[0] for n in (1, 2)}
    answers: list[list[int]] = []

    def ask() -> None:
        while not ended.is_set():
            choice = complete(address, prompt, LONG_ANSWER_TOKENS)
            answers.append(choice["token_ids"])

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    began = time.perf_counter()
    place.publish(2)
    while not is_converged(engines.state, sequence=2):
        time.sleep(0.02)
    seconds = time.perf_counter() - began
    before = len(answers)
    time.sleep(1.0)
    ended.set()
    for client in clients:
        client.join()
    return {
        "answers": len(answers),
        "mixed": sum(answer not in texts.values() for answer in answers),
        "old_after_convergence": sum(answer == texts[1] for answer in answers[before:]),
        "converged_s": round(seconds, 2),
    }


def is_converged(state: str, *, sequence: int) -> bool:
    """Tell whether a replica serves a version, with nothing older in flight."""
    told = httpx.get(state).json()
    oldest = told["oldest_in_flight"]
    return bool(
        told["is_ready"]
        and told["sequence"] >= sequence
        and (oldest is None or oldest >= sequence)
    )


def check_withdrawal(place: World, engines: Engines, address: str) -> dict[str, Any]:
    """Withdraw what is served; afterwards nothing is answered."""
    place.withdraw()
    began = time.perf_counter()
    while httpx.get(engines.state).json()["is_ready"]:
        time.sleep(0.02)
    time.sleep(1.5)  # until the process that takes requests was told
    return {
        "withdrawn_s": round(time.perf_counter() - began, 2),
        "status": status(address),
    }


def check_unsafe(engines: Engines) -> dict[str, Any]:
    """Start vLLM as it must not be started."""
    found: dict[str, Any] = {}
    for name, options in UNSAFE.items():
        _TALK.print(f"must not start: {name}")
        try:
            with engines.running(options):
                found[name] = "started"
        except ProcessNotHealthyError:
            found[name] = "refused" if engines.was_refused() else "failed"
    _TALK.print("must not answer: processor left out")
    with engines.running(SILENT) as (address, _):
        found["speculation"] = status(address)
    return found


def run(python: Path, plugin: Path) -> Iterator[tuple[str, Any]]:
    """Do every check and yield its findings by name."""
    with TemporaryDirectory() as name, world(Path(name)) as place:
        engines = Engines(python, plugin, place)
        place.publish(1)
        law = place.law(1)
        _TALK.print("vLLM with the offset")
        with engines.running(SAFE, SCARCE) as (address, _):
            yield "preempted", check_preempted(address, law)
        with engines.running(SAFE) as (address, _):
            yield "offset", check_tokens(address, law)
            yield "sampling", check_sampling(address, law)
            yield "prompt_logprobs", status(address, prompt_logprobs=1)
            yield "echo_logprobs", status(address, echo=True, logprobs=1)
            yield "forced_logprobs", status(address, logprobs=1, **FORCED)
            yield "forced", status(address, **FORCED)
            yield "swap", check_swap(place, engines, address)
            yield "withdrawal", check_withdrawal(place, engines, address)
        _TALK.print("vLLM without the offset")
        with engines.running(BARE, has_offset=False) as (address, _):
            yield (
                "gateway",
                check_gateway(
                    place,
                    address,
                    prompts(),
                    lambda prompt: greedy(law, prompt, ANSWER_TOKENS)[0],
                ),
            )
        place.publish(3)
        _TALK.print("vLLM asked for asynchronous scheduling")
        with engines.running(ASYNCHRONOUS) as (address, _):
            yield "asynchronous", check_tokens(address, place.law(3))
        yield "unsafe", check_unsafe(engines)
    _TALK.print("what it costs")
    with TemporaryDirectory() as name, world(Path(name), sizes=LARGER) as place:
        place.publish(1)
        yield "cost", check_cost(Engines(python, plugin, place), place)


def is_good(found: dict[str, Any]) -> bool:
    """Tell whether everything is as it has to be."""
    offset = found["offset"]
    return (
        offset["greedy_equal"]
        and offset["logprob_error"] < 1e-3  # noqa: PLR2004
        and found["asynchronous"]["greedy_equal"]
        and found["preempted"]["greedy_equal"]
        and found["preempted"]["preemptions"] > 0
        and all(found["sampling"].values())
        and all(found[name] == 400 for name in SCORED)  # noqa: PLR2004
        and found["forced"] == 200  # noqa: PLR2004
        and found["swap"]["mixed"] == found["swap"]["old_after_convergence"] == 0
        and found["withdrawal"]["status"] == 400  # noqa: PLR2004
        and found["gateway"]["260"]["equal"] == found["gateway"]["260"]["answers"]
        and found["unsafe"] == dict.fromkeys(UNSAFE, "refused") | {"speculation": 400}
    )


def main() -> int:
    """Run with vLLM's interpreter and print the JSON line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("python", type=Path)
    parser.add_argument("plugin", type=Path)
    options = parser.parse_args()
    problem = can_run(options.python)
    if problem:
        print(json.dumps({"skipped": f"vLLM does not run here: {problem}"}))
        return 0
    torch.set_num_threads(1)
    found = dict(run(options.python, options.plugin))
    print(json.dumps(found | {"is_good": is_good(found)}))
    return 0 if is_good(found) else 1


if __name__ == "__main__":
    sys.exit(main())
