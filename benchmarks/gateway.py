"""What a base elsewhere costs, and how often its bound holds: ``make bench-gateway``.

Legend: V vocabulary.

Subjects of the demo's world are forgotten by the default recipe. Three replicas answer
over HTTP: one that has the base (*direct*), a bare base, and one without a base
(*gateway*) that asks the bare one for its k likeliest tokens at every step.

- *tokens_per_second*: of one stream and of eight, with nothing refused. With every
  token told the gateway has to say what the direct replica says (*equal*).
- *bound*: at every token of answers about subjects and about others, with the direct
  law's own likeliest tokens as the text so far. *held*: how often the bound was at most
  the limit that operators have by default; *refused*: how many answers would have ended
  before their end; *exceeded*: how often untold tokens had more than the bound says,
  which must never be.

It ends with one JSON line, and fails where a bound was exceeded or answers differ.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import torch
from rich.console import Console
from rich.progress import Progress
from support.domain import model_identity
from support.serving import ServingWorld, running_server, served

from benchmarks.forgetting import DEFAULT, contest
from benchmarks.self_attack import one_per_fact, replica_of
from benchmarks.small_worlds import SmallWorld
from unlearn_core.adapters.upstream import UpstreamCompletions
from unlearn_core.domain.datasets import Group
from unlearn_core.modeling.laws import NextTokenLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.pairs import fuse
from unlearn_core.modeling.remote_rows import RemoteOffset
from unlearn_core.modeling.restricted import REFUSED, excluded_bound
from unlearn_core.modeling.weights import LanguageModel
from unlearn_core.remote_settings import UpstreamSettings
from unlearn_core.serving.app import create_app
from unlearn_core.serving.bases import RemoteBase
from unlearn_core.serving.fingerprints import fingerprint_of
from unlearn_core.serving.upstream import CheckedUpstream

TOLD = (5, 20)
LIMIT: float = UpstreamSettings.model_fields["largest_excluded"].default
ROUNDING = 1e-5
ANSWER_TOKENS = 24
STREAMS = (1, 8)
PATIENCE_SECONDS = 300.0
CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What a restricted law says at one token.

    Attributes:
        bound: What untold tokens have at most, as computed from what was told.
        excluded: What they have.
    """

    bound: float
    excluded: float


def position(base_V: torch.Tensor, offset_V: torch.Tensor, *, tokens: int) -> Position:
    """Compare the bound with the truth.

    Args:
        base_V: Log-probabilities of the base.
        offset_V: Alpha times the pair's difference.
        tokens: How many tokens are told.
    """
    told_V = torch.full_like(base_V, REFUSED)
    best = base_V.topk(tokens)
    told_V[best.indices] = best.values
    law_V = torch.softmax((base_V + offset_V).double(), dim=-1)
    return Position(
        bound=excluded_bound(told_V, offset_V),
        excluded=float(law_V[told_V == REFUSED].sum()),
    )


def summary(answers: Sequence[Sequence[Position]]) -> dict[str, Any]:
    """Return how often the bound was small enough, of all positions and answers."""
    places = [place for answer in answers for place in answer]
    return {
        "positions": len(places),
        "held": round(sum(place.bound <= LIMIT for place in places) / len(places), 3),
        "answers": len(answers),
        "refused": round(
            sum(not all(place.bound <= LIMIT for place in answer) for answer in answers)
            / len(answers),
            3,
        ),
        "exceeded": sum(place.excluded > place.bound + ROUNDING for place in places),
    }


def answered(
    law: OffsetModel, prompt: Sequence[int], *, end_id: int
) -> dict[int, list[Position]]:
    """Follow the likeliest answer of a law, and return its positions by k."""
    ids, found = list(prompt), {tokens: list[Position]() for tokens in TOLD}
    for _ in range(ANSWER_TOKENS):
        base_V, unlearned_V, reference_V = (_last(part, ids) for part in law.parts)
        offset_V = law.alpha * (unlearned_V - reference_V)
        for tokens, places in found.items():
            places.append(position(base_V, offset_V, tokens=tokens))
        ids.append(int((base_V + offset_V).argmax()))
        if ids[-1] == end_id:
            break
    return found


def _last(law: NextTokenLaw, ids: Sequence[int]) -> torch.Tensor:
    ids_BT = torch.tensor([list(ids)])
    with torch.inference_mode():
        return law(ids_BT, attention_mask_BS=torch.ones_like(ids_BT), first=-1)[0, -1]


@contextmanager
def bare_replica(base: LanguageModel) -> Iterator[tuple[str, str]]:
    """Serve the base alone, to whoever adds an offset; yield its address and name."""
    with TemporaryDirectory() as folder:
        place = ServingWorld(Path(folder))
        place.base = base
        service = place.replica(maximum_logprobs=base.tokenizer.size)
        with running_server(create_app(service)) as address:
            yield address, service.base_model


@contextmanager
def gateway(
    address: str, law: OffsetModel, base: LanguageModel, *, model: str, tokens: int
) -> Iterator[tuple[httpx.Client, str]]:
    """Serve a law whose base is elsewhere; yield a client and its model.

    Args:
        address: Where the base is.
        law: What is served.
        base: The base as it is known.
        model: Its name there.
        tokens: How many tokens it is asked for.
    """
    with TemporaryDirectory() as folder:
        place = ServingWorld(Path(folder))
        fingerprint = fingerprint_of(base)
        source = UpstreamCompletions(
            address,
            model=model,
            key=None,
            tokens=tokens,
            timeout_seconds=PATIENCE_SECONDS,
        )
        ask = CheckedUpstream(
            source,
            fingerprint=fingerprint,
            check_seconds=3600.0,
            tolerance_nats=0.25,
        )
        remote = RemoteBase(
            ask,
            fingerprint=fingerprint,
            tokenizer=base.tokenizer,
            largest_excluded=1.0,
            device=CPU,
            close=source.close,
        )
        service = place.replica(base=remote)
        service.slot.swap(served(1, _remote(law, ask, fingerprint.maximum_tokens)))
        with (
            running_server(create_app(service)) as own,
            httpx.Client(base_url=own, timeout=PATIENCE_SECONDS) as http,
        ):
            yield http, service.base_model


def _remote(law: OffsetModel, ask: CheckedUpstream, longest: int) -> RemoteOffset:
    _, unlearned, reference = law.parts
    pair = fuse(unlearned.model, reference.model)
    if pair is None:
        raise TypeError
    return RemoteOffset(
        ask,
        pair=pair.rows,
        alpha=law.alpha,
        largest_excluded=1.0,
        maximum_tokens=longest,
        device=CPU,
    )


def timed(
    http: httpx.Client, model: str, questions: Sequence[Sequence[int]]
) -> tuple[dict[str, float], list[str]]:
    """Ask all questions in every number of streams, some again if they are too few.

    Returns:
        Tokens per second by number of streams, and the answers.
    """
    rates, answers = dict[str, float](), list[str]()
    asked = list(islice(cycle(questions), max(len(questions), *STREAMS)))

    def ask(ids: Sequence[int]) -> str:
        body = {
            "model": model,
            "prompt": list(ids),
            "max_tokens": ANSWER_TOKENS,
            "temperature": 0,
            "ignore_eos": True,
        }
        answer = http.post("/v1/completions", json=body).raise_for_status().json()
        return str(answer["choices"][0]["text"])

    ask(questions[0])  # warms up
    for streams in STREAMS:
        began = time.perf_counter()
        with ThreadPoolExecutor(streams) as pool:
            answers = list(pool.map(ask, asked))
        seconds = time.perf_counter() - began
        rates[str(streams)] = round(len(asked) * ANSWER_TOKENS / seconds, 1)
    return rates, answers


def rates_of(
    law: OffsetModel, world: SmallWorld, questions: Sequence[Sequence[int]]
) -> tuple[dict[str, dict[str, float]], bool]:
    """Return tokens per second of every way, and whether the whole one is exact."""
    with replica_of(law, world) as (http, model):
        direct, expected = timed(http, model, questions)
    rates, found = {"direct": direct}, list[str]()
    base = LanguageModel(
        model=world.base, tokenizer=world.tokenizer, identity=model_identity()
    )
    with bare_replica(base) as (address, name):
        for tokens in (*TOLD, world.tokenizer.size):
            with gateway(address, law, base, model=name, tokens=tokens) as opened:
                http, model = opened
                rates[f"gateway_{tokens}"], found = timed(http, model, questions)
    return rates, found == expected


def run(*, subjects: int, questions: int, cache: Path) -> dict[str, Any]:
    """Measure, and return the summary."""
    about: dict[str, dict[int, list[list[Position]]]] = {
        name: {tokens: [] for tokens in TOLD} for name in ("subjects", "others")
    }
    result: dict[str, Any] = {}
    with Progress(console=Console(stderr=True)) as progress:
        opened = contest(0, cache=cache, progress=progress)
        world = opened.world
        bar = progress.add_task("subjects", total=subjects)
        for subject in world.subjects[:subjects]:
            law = opened.offset_law(DEFAULT, subject)
            probes = opened.datasets(subject).probes
            for name, group in (
                ("subjects", Group.SUBJECT),
                ("others", Group.RETAINED),
            ):
                for probe in one_per_fact(probes, group)[:questions]:
                    ids = world.tokenizer.question(probe.example.prompt.reveal())
                    found = answered(law, ids, end_id=world.tokenizer.end_id)
                    for tokens, places in found.items():
                        about[name][tokens].append(places)
            if not result:
                asked = one_per_fact(probes, Group.SUBJECT)[:questions]
                texts = [probe.example.prompt.reveal() for probe in asked]
                prompts = list(map(world.tokenizer.question, texts))
                rates, is_equal = rates_of(law, world, prompts)
                result = {"tokens_per_second": rates, "equal": is_equal}
            progress.advance(bar)
    bound = {
        str(tokens): {name: summary(found[tokens]) for name, found in about.items()}
        for tokens in TOLD
    }
    return {**result, "limit": LIMIT, "bound": bound}


def is_sound(found: dict[str, Any]) -> bool:
    """Tell whether no bound was exceeded, and whole answers were those expected."""
    counts = [item for told in found["bound"].values() for item in told.values()]
    return found["equal"] and not any(item["exceeded"] for item in counts)


def main() -> int:
    """Measure, print the JSON line, fail if it is not sound."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, default=4)
    parser.add_argument("--questions", type=int, default=16, help="of each kind")
    parser.add_argument("--cache", type=Path, default=Path("var/bench"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = run(
        subjects=options.subjects, questions=options.questions, cache=options.cache
    )
    print(json.dumps(found))
    return 0 if is_sound(found) else 1


if __name__ == "__main__":
    sys.exit(main())
