"""What an offset costs while serving: ``make bench-serving``.

One process, one thread, one set of models (random weights, see `serving_models`).
Decoding steps are timed in turn, a few of each kind and then the next, at 1, 4 and 16
rows:

- base: the bare base, in the engine's running batch.
- naive: three models, each with a cache of its own, and the law composed of theirs.
- fused: base and fused pair, as served.
- speculative: the same with tokens proposed in every step, per token handed out.

Ratios are of medians to the bare base, speculative ones of the mean; the clock is the
processor time of the thread, which other processes hardly change. Greedy answers of all
kinds are compared token by token. Pairs that were trained by adapters are timed with
thin matrices and with full ones (`serving_adapters`). Then 32 streams are answered
through the engine (by wall clock), beside the bare base in the engine and in the
continuous batching and `generate` of transformers.

It ends with one JSON line. ``limit`` is 1 + 1.6 size_ratio + .05, where size_ratio is
the parameters of both halves over those of the base.
"""

import argparse
import json
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from transformers import ContinuousBatchingConfig, GenerationConfig, PreTrainedModel

from benchmarks.serving_adapters import RANKS, SIZES, time_adapters
from benchmarks.serving_models import Models, Shapes, Size, build
from unlearn_core.modeling.generation import Decoder, Sampling
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.offset import FusedOffsetModel, OffsetModel
from unlearn_core.modeling.rows import ServableLaw
from unlearn_core.serving.batch import Decoding, RunningBatch
from unlearn_core.serving.engine import Engine
from unlearn_core.serving.jobs import Event, FinishReason, Job, Token
from unlearn_core.serving.pace import Speculation

SHAPES = Shapes(
    vocabulary=8192,
    base=Size(width=768, layers=16, inner=2048, heads=12),
    half=Size(width=224, layers=2, inner=608, heads=4),
    agreement=0.85,
)
ROWS = (1, 4, 16)
KINDS = ("base", "naive", "fused", "speculative")
STEPS = 3
"""Steps of one kind before the next kind's turn."""

ADAPTER_STEPS = 24
PROMPT_TOKENS = 24
STREAMS, STREAM_TOKENS = 32, 32
NO_END, PAD = -1, 0
ALLOWANCE, SLOPE = 0.05, 1.6

Stepper = Callable[[], int]
"""Makes a decoding step and returns how many tokens it gave."""


class Answers:
    """Jobs of one law and what was handed out for them."""

    def __init__(self, law: ServableLaw, *, rows: int, tokens: int) -> None:
        self.tokens: list[list[int]] = [[] for _ in range(rows)]
        self.left = threading.Semaphore(0)
        self.jobs = [
            Job(
                law=law,
                prompt=prompt,
                sampling=Sampling(maximum_tokens=tokens),
                end_id=NO_END,
                seed=0,
                emit=partial(self._receive, row),
            )
            for row, prompt in enumerate(prompts(rows))
        ]

    def _receive(self, row: int, event: Event) -> None:
        if isinstance(event, Token):
            self.tokens[row].append(event.token_id)
        elif event is FinishReason.LENGTH:
            self.left.release()


def prompts(rows: int) -> list[list[int]]:
    """Return prompts of unlike lengths."""
    generator = torch.Generator().manual_seed(7)
    return [
        torch.randint(
            1, SHAPES.vocabulary, (PROMPT_TOKENS - row % 5,), generator=generator
        ).tolist()
        for row in range(rows)
    ]


def batch_stepper(
    law: ServableLaw, *, rows: int, speculation: Speculation
) -> tuple[Stepper, Answers]:
    """Return a running batch that makes steps of one kind."""
    answers = Answers(law, rows=rows, tokens=900)
    batch = RunningBatch(law, Decoding(speculation=speculation))
    batch.admit(answers.jobs)

    def step() -> int:
        before = sum(map(len, answers.tokens))
        batch.step()
        return sum(map(len, answers.tokens)) - before

    return step, answers


def naive_stepper(law: OffsetModel, *, rows: int) -> tuple[Stepper, list[list[int]]]:
    """Return three models that are asked one after another."""
    decoder = Decoder(law, prompts(rows), pad_id=PAD)
    tokens: list[list[int]] = [[] for _ in range(rows)]

    def choose() -> torch.Tensor:
        chosen_B = decoder.log_probs_BV.argmax(dim=-1)
        for answer, token in zip(tokens, chosen_B.tolist(), strict=True):
            answer.append(token)
        return chosen_B

    def step() -> int:
        decoder.advance(latest[0])
        latest[0] = choose()
        return rows

    latest = [choose()]
    return step, tokens


def time_steps(
    models: Models, *, rows: int, rounds: int, progress: Callable[[], None]
) -> tuple[dict[str, float], dict[str, Any]]:
    """Return seconds per row and token of each kind, and what was found besides."""
    plain = offset_model(models)
    fused = plain.fused()
    if not isinstance(fused, FusedOffsetModel):
        raise TypeError
    steppers: dict[str, Stepper] = {}
    given: dict[str, list[list[int]]] = {}
    for kind in KINDS:
        if kind == "naive":
            steppers[kind], given[kind] = naive_stepper(plain, rows=rows)
            continue
        law = PlainLaw(models.base) if kind == "base" else fused
        wish = Speculation.ALWAYS if kind == "speculative" else Speculation.NEVER
        steppers[kind], answers = batch_stepper(law, rows=rows, speculation=wish)
        given[kind] = answers.tokens
    seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    made = 0
    for number in range(rounds + 1):
        for kind, step in steppers.items():
            for _ in range(STEPS):
                began = time.thread_time()
                count = step()
                spent = (time.thread_time() - began) * rows / count
                if number:  # the first round warms up
                    seconds[kind].append(spent)
                    made += count if kind == "speculative" else 0
        progress()
    ours = [given[kind] for kind in KINDS if kind != "base"]
    shared = [min(map(len, answers)) for answers in zip(*ours, strict=True)]
    cut = [[row[:end] for row, end in zip(one, shared, strict=True)] for one in ours]
    found = {
        "greedy_equal": cut[0] == cut[1] == cut[2] and min(shared) > rounds,
        "tokens_a_round": made / (STEPS * rounds * rows),
    }
    # A mean, not a median, where every step gives another number of tokens.
    return {
        kind: statistics.fmean(values)
        if kind == "speculative"
        else statistics.median(values)
        for kind, values in seconds.items()
    }, found


def offset_model(models: Models) -> OffsetModel:
    """Return the served law of the three models."""
    return OffsetModel(
        models.base,
        unlearned=models.unlearned,
        reference=models.reference,
        alpha=1.0,
    )


def engine_throughput(law: ServableLaw) -> tuple[float, list[list[int]]]:
    """Return tokens per second of all streams through the engine, and the answers."""
    answers = Answers(law, rows=STREAMS, tokens=STREAM_TOKENS)
    engine = Engine()
    engine.start()
    began = time.perf_counter()
    engine.submit(*answers.jobs)
    for _ in range(STREAMS):
        answers.left.acquire()
    seconds = time.perf_counter() - began
    engine.stop()
    return STREAMS * STREAM_TOKENS / seconds, answers.tokens


def transformers_throughput(base: PreTrainedModel) -> dict[str, float]:
    """Return the same of the bare base in transformers, in its two ways."""
    options = GenerationConfig(  # type: ignore[no-untyped-call]  # untyped upstream
        max_new_tokens=STREAM_TOKENS,
        min_new_tokens=STREAM_TOKENS,
        do_sample=False,
        pad_token_id=PAD,
    )
    asked = prompts(STREAMS)
    longest = max(map(len, asked))
    ids = torch.tensor([[PAD] * (longest - len(row)) + row for row in asked])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in asked])
    began = time.perf_counter()
    base.generate(ids, attention_mask=mask, generation_config=options)  # type: ignore[operator]  # a mixin upstream
    generate_seconds = time.perf_counter() - began
    paged = ContinuousBatchingConfig(
        num_blocks=STREAMS * 2, max_batch_tokens=1024, page_size=64
    )
    began = time.perf_counter()
    done = base.generate_batch(  # type: ignore[operator]  # a mixin upstream
        asked,
        generation_config=options,
        continuous_batching_config=paged,
        warmup=False,
    )
    seconds = time.perf_counter() - began
    made = sum(len(answer.generated_tokens) for answer in done.values())
    return {
        "transformers_continuous_base": made / seconds,
        "transformers_generate_base": STREAMS * STREAM_TOKENS / generate_seconds,
    }


def streams(models: Models) -> dict[str, float]:
    """Return tokens per second of 32 streams, in every way."""
    base, _ = engine_throughput(PlainLaw(models.base))
    fused, _ = engine_throughput(offset_model(models).fused())
    return {"fused": fused, "base": base, **transformers_throughput(models.base)}


def line(
    size_ratio: float,
    seconds: dict[int, dict[str, float]],
    found: dict[int, dict[str, Any]],
    streams32: dict[str, float],
    adapters: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Return what is printed."""

    def ratios(kind: str) -> dict[str, float]:
        return {
            str(rows): round(times[kind] / times["base"], 4)
            for rows, times in seconds.items()
        }

    limit = 1 + SLOPE * size_ratio + ALLOWANCE
    return {
        "size_ratio": round(size_ratio, 4),
        "limit": round(limit, 4),
        **{kind: ratios(kind) for kind in KINDS if kind != "base"},
        "within_limit": max(ratios("fused").values()) <= limit,
        "greedy_equal": all(item["greedy_equal"] for item in found.values()),
        "tokens_a_round": {
            str(rows): round(item["tokens_a_round"], 2) for rows, item in found.items()
        },
        "step_ms": {
            str(rows): {kind: round(1e3 * times[kind], 2) for kind in KINDS}
            for rows, times in seconds.items()
        },
        "streams32": {name: round(rate, 1) for name, rate in streams32.items()},
        "adapters": {"ranks": RANKS, "of_full_matrices": list(adapters)},
    }


def main() -> None:
    """Measure and print table and JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8, help="of three steps each")
    parser.add_argument("--without-streams", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(stderr=True)
    models = build(SHAPES)
    seconds, found = {}, {}
    with Progress(console=console) as progress, torch.inference_mode():
        total = (len(ROWS) * (options.rounds + 1)) + 2
        bar = progress.add_task("decoding", total=total)
        for rows in ROWS:
            seconds[rows], found[rows] = time_steps(
                models,
                rows=rows,
                rounds=options.rounds,
                progress=lambda: progress.advance(bar),
            )
        adapters = [
            time_adapters(
                size, vocabulary=SHAPES.vocabulary, rows=ROWS, steps=ADAPTER_STEPS
            )
            for size in SIZES
        ]
        progress.advance(bar)
        streams32 = {} if options.without_streams else streams(models)
        progress.advance(bar)
    result = line(models.size_ratio, seconds, found, streams32, adapters)
    console.print(_table(result))
    print(json.dumps(result))


def _table(result: dict[str, Any]) -> Table:
    rows: Sequence[str] = list(result["step_ms"])
    table = Table("step", *(f"{count} rows" for count in rows), title="to the base")
    for kind in KINDS[1:]:
        table.add_row(kind, *(f"{result[kind][count]:.3f}" for count in rows))
    table.add_row("limit of fused", *[f"{result['limit']:.3f}"] * len(rows))
    return table


if __name__ == "__main__":
    main()
