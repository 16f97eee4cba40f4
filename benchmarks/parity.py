"""What the engine says beside a plain pass without any cache: ``make check-parity``.

Every answer is asked for over HTTP, with log-probabilities, from one replica with tiny
random models in float32; each token of it is compared with the law of the three
separate models after the whole text before it.

- *padded*: prompts of unlike lengths that are answered together;
- *choices*: several sampled answers to one prompt;
- *swaps*: one question to one version after another;
- *rollbacks*: all of these with tokens proposed in every step, most of them taken back;
- *alpha_zero_equal*: with strength 0 the law is the base's bit for bit, in the running
  batch as in whole passes.

It ends with one JSON line of largest differences in nats, and fails above `LIMIT`.
"""

import json
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import torch
from support.serving import (
    REFERENCE_SEED,
    ServingWorld,
    offset_law,
    running_server,
    tiny_model,
)

from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.serving.app import InferenceService, create_app
from unlearn_core.serving.batch import Decoding
from unlearn_core.serving.engine import Engine
from unlearn_core.serving.pace import Speculation

LIMIT = 1e-4
TOKENS = 16
CHOICES = 4
VERSIONS = (1, 2, 3)
PROMPTS = ([7], [40, 41, 42], list(range(60, 77)), [9] * 64, [200, 8, 11, 250, 33])

Ask = Callable[[dict[str, Any]], list[dict[str, Any]]]
"""Asks for answers and returns the choices."""


def run() -> dict[str, Any]:
    """Compare everything and return the largest differences."""
    found: dict[str, Any] = {"limit": LIMIT, "answers": 0, "tokens": 0}
    for speculation in (Speculation.NEVER, Speculation.ALWAYS):
        with TemporaryDirectory() as name:
            worst, count = _replica(Path(name), speculation)
        found["answers"] += count
        found["tokens"] += TOKENS * count
        if speculation is Speculation.ALWAYS:
            worst = {"rollbacks": max(worst.values())}
        found |= {key: float(f"{value:.2g}") for key, value in worst.items()}
    return found | {"alpha_zero_equal": is_base_at_zero()}


def is_good(found: dict[str, Any]) -> bool:
    """Tell whether nothing differs by more than it may."""
    names = ("padded", "choices", "swaps", "rollbacks")
    return found["alpha_zero_equal"] and all(found[name] <= LIMIT for name in names)


def difference(
    law: NextTokenLaw, prompt: Sequence[int], choice: dict[str, Any]
) -> float:
    """Return by how much an answer's log-probabilities differ from a law's, at most."""
    told = choice["logprobs"]
    ids, worst = list(prompt), 0.0
    named = zip(
        told["tokens"], told["token_logprobs"], told["top_logprobs"], strict=True
    )
    for name, value, likeliest in named:
        law_V = _law(law, ids)
        for other, said in ((name, value), *likeliest.items()):
            worst = max(worst, abs(said - float(law_V[_id(other)])))
        ids.append(_id(name))
    return worst


def is_base_at_zero() -> bool:
    """Tell whether a pair of strength 0 leaves the base as it is, bit for bit."""
    base, texts = tiny_model(1), [list(prompt) for prompt in PROMPTS]
    law = OffsetModel(
        base,
        unlearned=tiny_model(101),
        reference=tiny_model(REFERENCE_SEED),
        alpha=0.0,
    )
    plain, fused = PlainLaw(base), law.fused()
    whole = all(torch.equal(_law(law, ids), _law(plain, ids)) for ids in texts)
    rows, own = fused.rows(), plain.rows()
    steps = torch.equal(rows.join(texts), own.join(texts))
    for token in (5, 6, 7):
        tokens = [token] * len(texts)
        steps &= torch.equal(rows.advance(tokens), own.advance(tokens))
    return whole and steps


def _law(law: NextTokenLaw, ids: list[int]) -> torch.Tensor:
    ids_BT = torch.tensor([ids])
    with torch.inference_mode():
        return law(ids_BT, attention_mask_BS=torch.ones_like(ids_BT), first=-1)[0, -1]


def _id(name: str) -> int:
    return int(name.removeprefix("token_id:"))


def _replica(folder: Path, speculation: Speculation) -> tuple[dict[str, float], int]:
    """Ask one replica everything; return differences and the number of answers."""
    world = ServingWorld(folder)
    service = replace(
        world.replica(), engine=Engine(decoding=Decoding(speculation=speculation))
    )
    with _asking(service) as ask:
        compared: dict[str, list[float]] = {}
        for version in VERSIONS:
            world.promote(version)
            service.watcher.look()
            law = offset_law(version)
            alone = {"prompt": [PROMPTS[1]], "temperature": 0}
            compared.setdefault("swaps", []).extend(
                difference(law, PROMPTS[1], choice) for choice in ask(alone)
            )
        with ThreadPoolExecutor(len(PROMPTS)) as pool:
            together = list(pool.map(lambda ids: ask({"prompt": [ids]}), PROMPTS))
        together.append(ask({"prompt": PROMPTS}))
        compared["padded"] = [
            difference(law, prompt, choice)
            for prompt, choice in zip(
                [*PROMPTS, *PROMPTS], chain.from_iterable(together), strict=True
            )
        ]
        several = {"prompt": [PROMPTS[2]], "n": CHOICES, "seed": 3}
        compared["choices"] = [
            difference(law, PROMPTS[2], choice) for choice in ask(several)
        ]
    worst = {name: max(values) for name, values in compared.items()}
    return worst, sum(map(len, compared.values()))


@contextmanager
def _asking(service: InferenceService) -> Any:  # noqa: ANN401 - an iterator of Ask
    with (
        running_server(create_app(service)) as address,
        httpx.Client(base_url=address, timeout=60) as http,
    ):

        def ask(asked: dict[str, Any]) -> list[dict[str, Any]]:
            body = {
                "model": "small-world",
                "max_tokens": TOKENS,
                "ignore_eos": True,
                "logprobs": 5,
                "return_tokens_as_token_ids": True,
                **asked,
            }
            answer = http.post("/v1/completions", json=body).raise_for_status()
            choices: list[dict[str, Any]] = answer.json()["choices"]
            return choices

        yield ask


def main() -> int:
    """Compare, print the JSON line, fail if anything differs too much."""
    torch.set_num_threads(1)
    found = run()
    print(json.dumps(found | {"is_good": is_good(found)}))
    return 0 if is_good(found) else 1


if __name__ == "__main__":
    sys.exit(main())
