"""What a step costs beside plain fine-tuning: ``make bench-training``.

Three kinds of steps are taken in turn, in one process, on the same batches, from the
same small model:

- plain: forward, cross-entropy on the answers, backward, clip, AdamW.
- cached: the same with the loss of ``delta`` on cached laws.
- naive: the same loss with the laws of base and reference computed in every step.

Ratios are of medians; the spread is the smallest and the largest ratio of a round. On
the CPU the clock is the processor time of one thread, which other processes hardly
change. Memory is the peak of a process of its own during steps, of the cached kind
after the base is gone. Weights and texts are random: neither changes what a step costs.

It ends with one JSON line, whose ratios are those of the largest configuration.
"""

import argparse
import copy
import ctypes
import gc
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from torch.nn import functional
from transformers import LlamaConfig, PreTrainedModel

from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.tokens import TokenizedExample
from unlearn_core.modeling.weights import frozen, new_model
from unlearn_core.training.ensemble import EnsembleStepper, TrainingTables
from unlearn_core.training.passes import small_logits
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.targets import build_table

KINDS = ("plain", "cached", "naive")
PROC = Path("/proc/self")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The shape of a model."""

    width: int
    layers: int
    inner: int
    heads: int
    key_value_heads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Two models, and the texts that a step sees.

    Attributes:
        vocabulary: Number of logits.
        base: The frozen large model.
        pair: The model that is trained.
        recipe: Batches and precision.
        prompt_tokens: Shortest and longest prompt.
        answer_tokens: Shortest and longest answer.
        warm_up: Rounds that do not count.
        rounds: Rounds that count.
        naive_every: Rounds between two naive steps.
    """

    vocabulary: int
    base: Size
    pair: Size
    recipe: TrainingRecipe
    prompt_tokens: tuple[int, int]
    answer_tokens: tuple[int, int]
    warm_up: int
    rounds: int
    naive_every: int


CONFIGURATIONS = {
    "small world": Configuration(
        vocabulary=1536,
        base=Size(width=256, layers=2, inner=512, heads=8, key_value_heads=8),
        pair=Size(width=128, layers=2, inner=256, heads=4, key_value_heads=4),
        recipe=TrainingRecipe(),
        prompt_tokens=(5, 17),
        answer_tokens=(2, 10),
        warm_up=2,
        rounds=15,
        naive_every=3,
    ),
    # SmolLM2-360M, and the first two layers of SmolLM2-135M: a tenth of it.
    "SmolLM2": Configuration(
        vocabulary=49152,
        base=Size(width=960, layers=32, inner=2560, heads=15, key_value_heads=5),
        pair=Size(width=576, layers=2, inner=1536, heads=9, key_value_heads=3),
        recipe=TrainingRecipe(forget_batch=6, retain_batch=10, stranger_batch=4),
        prompt_tokens=(10, 20),
        answer_tokens=(8, 30),
        warm_up=1,
        rounds=7,
        naive_every=3,
    ),
}


def build(size: Size, *, vocabulary: int, seed: int) -> PreTrainedModel:
    """Return a frozen model with random weights."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=size.width,
        intermediate_size=size.inner,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.key_value_heads,
        tie_word_embeddings=True,
        max_position_embeddings=256,
        bos_token_id=None,
        eos_token_id=None,
    )
    return frozen(new_model(config, device=torch.device("cpu")))


def texts(
    count: int, configuration: Configuration, *, seed: int
) -> list[TokenizedExample]:
    """Return random examples of the configured lengths."""
    rng = random.Random(seed)

    def tokens(shortest: int, longest: int) -> tuple[int, ...]:
        length = rng.randint(shortest, longest)
        return tuple(rng.randrange(configuration.vocabulary) for _ in range(length))

    return [
        TokenizedExample(
            prompt=tokens(*configuration.prompt_tokens),
            answer=tokens(*configuration.answer_tokens),
        )
        for _ in range(count)
    ]


class Bench:
    """The three kinds of steps over one configuration.

    Args:
        configuration: Models and texts.
        with_base: Whether the base is needed.
    """

    def __init__(self, configuration: Configuration, *, with_base: bool = True) -> None:
        self.recipe = configuration.recipe
        vocabulary = configuration.vocabulary
        self.reference = build(configuration.pair, vocabulary=vocabulary, seed=1)
        self.base = (
            build(configuration.base, vocabulary=vocabulary, seed=0)
            if with_base
            else None
        )
        self.sets = [
            texts(2 * size, configuration, seed=seed)
            for seed, size in enumerate(self._sizes)
        ]
        self.model = copy.deepcopy(self.reference).requires_grad_(requires_grad=True)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4)
        self.stepper: EnsembleStepper | None = None

    @property
    def _sizes(self) -> tuple[int, int, int]:
        recipe = self.recipe
        return recipe.forget_batch, recipe.retain_batch, recipe.stranger_batch

    def batch(self, step: int) -> list[list[TokenizedExample]]:
        """Return the three parts of a step's batch: those of `EnsembleStepper`."""
        rng = random.Random(f"{self.recipe.seed}-{step}")
        return [
            [rows[row] for row in rng.sample(range(len(rows)), size)]
            for rows, size in zip(self.sets, self._sizes, strict=True)
        ]

    def stepper_on(self, sets: Sequence[Sequence[TokenizedExample]]) -> EnsembleStepper:
        """Compute the laws of three sets and return the losses on them."""
        if self.base is None:
            message = "laws need the base"
            raise ValueError(message)
        base, reference = PlainLaw(self.base), PlainLaw(self.reference)
        forget, retain, strangers = (
            build_table(rows, base=base, reference=reference, target_NV=None, pad_id=0)
            for rows in sets
        )
        # A teacher's law is another tensor than the base's; which one costs nothing.
        forget = replace(forget, target_NV=forget.base_NV.clone())
        return EnsembleStepper(
            self.model,
            tables=TrainingTables(forget=forget, retain=retain, strangers=strangers),
            recipe=self.recipe,
            pad_id=0,
        )

    def plain(self, step: int) -> None:
        """Fine-tune on the true answers."""
        rows = [item for part in self.batch(step) for item in part]
        logits_NV = small_logits(
            self.model, rows, pad_id=0, precision=self.recipe.precision
        )
        labels_N = torch.tensor([token for item in rows for token in item.answer])
        self._improve(functional.cross_entropy(logits_NV, labels_N))

    def cached(self, step: int) -> None:
        """Train through the ensemble on laws that were computed before."""
        if self.stepper is None:
            self.stepper = self.stepper_on(self.sets)
        self._ensemble(self.stepper, step)

    def naive(self, step: int) -> None:
        """Train through the ensemble and run all three models."""
        self._ensemble(self.stepper_on(self.batch(step)), step)

    def _ensemble(self, stepper: EnsembleStepper, step: int) -> None:
        forget, retain, strangers = stepper.losses(step)
        weights = self.recipe.retain_weight, self.recipe.stranger_weight
        self._improve(forget + weights[0] * retain + weights[1] * strangers)

    def _improve(self, loss: torch.Tensor) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # untyped upstream
        torch.nn.utils.clip_grad_norm_(
            self.model.parameters(), self.recipe.maximum_gradient_norm
        )
        self.optimizer.step()


def time_steps(
    configuration: Configuration, *, advance: Callable[[], None]
) -> dict[str, list[float]]:
    """Take all kinds of steps in turn and return their seconds, one for each round."""
    bench = Bench(configuration)
    bench.cached(0)
    seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(configuration.warm_up + configuration.rounds):
        counted = number - configuration.warm_up
        kinds = (
            KINDS
            if counted >= 0 and counted % configuration.naive_every == 0
            else KINDS[:2]
        )
        # Who comes first changes with every round.
        for kind in kinds[:: 1 if number % 2 else -1]:
            began = time.process_time()
            getattr(bench, kind)(number)
            if counted >= 0:
                seconds[kind].append(time.process_time() - began)
        advance()
    return seconds


def ratios(seconds: Mapping[str, Sequence[float]], kind: str) -> dict[str, float]:
    """Return the ratio of a kind's median to that of plain steps, with its spread."""
    plain = statistics.median(seconds["plain"])
    own = seconds[kind]
    return {
        "ratio": statistics.median(own) / plain,
        "lowest": min(own) / plain,
        "highest": max(own) / plain,
    }


def peak_memory(kind: str, configuration: Configuration) -> int:
    """Return the peak of this process during two steps of a kind, in bytes."""
    bench = Bench(configuration, with_base=kind != "plain")
    step = getattr(bench, kind)
    if kind == "cached":
        bench.stepper = bench.stepper_on(bench.sets)
        bench.base = None
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    (PROC / "clear_refs").write_text("5", encoding="ascii")  # forget the peak so far
    for number in range(2):
        step(number)
    status = (PROC / "status").read_text(encoding="ascii")
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def peak_memory_of(kind: str, name: str) -> int:
    """Return the same of a fresh process."""
    command = [sys.executable, "-m", "benchmarks.training", "--memory", kind, name]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - this very module
    return int(done.stdout)


def measure(name: str, *, progress: Progress) -> dict[str, object]:
    """Measure one configuration."""
    configuration = CONFIGURATIONS[name]
    rounds = configuration.warm_up + configuration.rounds
    bar = progress.add_task(name, total=rounds + len(KINDS))
    seconds = time_steps(configuration, advance=lambda: progress.advance(bar))
    memory: dict[str, int] = {}
    for kind in KINDS:
        memory[kind] = peak_memory_of(kind, name)
        progress.advance(bar)
    return {
        "seconds": {kind: statistics.median(seconds[kind]) for kind in KINDS},
        "cached": ratios(seconds, "cached"),
        "naive": ratios(seconds, "naive"),
        "peak_bytes": memory,
    }


def line(results: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """Return what is printed: the largest configuration's ratios first."""
    largest = list(results)[-1]
    result: Any = results[largest]
    memory = result["peak_bytes"]
    return {
        "cached_ratio": result["cached"]["ratio"],
        "naive_ratio": result["naive"]["ratio"],
        "peak_memory_ratio": memory["cached"] / memory["naive"],
        "of": largest,
        "configurations": results,
    }


def main() -> None:
    """Measure every configuration and print table and JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memory", nargs=2, metavar=("KIND", "CONFIGURATION"))
    parser.add_argument("--only", choices=list(CONFIGURATIONS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.memory:
        kind, name = options.memory
        print(peak_memory(kind, CONFIGURATIONS[name]))
        return
    names = [options.only] if options.only else list(CONFIGURATIONS)
    console = Console(stderr=True)
    with Progress(console=console) as progress:
        results = {name: measure(name, progress=progress) for name in names}
    console.print(_table(results))
    print(json.dumps(line(results)))


def _table(results: Mapping[str, Any]) -> Table:
    table = Table("", "step", "s a step", "to plain", "spread", "peak MiB")
    for name, result in results.items():
        for kind in KINDS:
            ratio = result.get(kind)
            table.add_row(
                name,
                kind,
                f"{result['seconds'][kind]:.3f}",
                f"{ratio['ratio']:.3f}" if ratio else "1",
                f"{ratio['lowest']:.3f} to {ratio['highest']:.3f}" if ratio else "",
                f"{result['peak_bytes'][kind] / 2**20:.0f}",
            )
    return table


if __name__ == "__main__":
    main()
