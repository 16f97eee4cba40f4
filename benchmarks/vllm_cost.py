"""What the offset costs inside a real vLLM: a part of ``make check-vllm``.

Two engines run side by side, one with the plug-in and one without, and are asked in
turn. What a step takes is processor time inside the engine (`vllm_clock`), base,
offset and sampling together. The base is larger than that of the other checks, because
a pair beside a base of its own size says nothing.
"""

import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from benchmarks.vllm_clock import lay_out
from benchmarks.vllm_world import BASE_MODEL, SAFE, Engines, Sizes, World

LARGER = Sizes(base=(768, 12), pair=(256, 4))
STREAMS = (1, 4, 8)
TOKENS = 48
ROUNDS = 4
BARE = "--no-async-scheduling"
PATIENCE_SECONDS = 600.0


def check_cost(engines: Engines, place: World) -> dict[str, Any]:
    """Time steps with the offset and without it, and return them with their ratios.

    Args:
        engines: Starts vLLM.
        place: What it serves.
    """
    clock = place.folder / "clock"
    clock.mkdir()
    lay_out(clock)
    logs = {name: place.folder / f"{name}.steps" for name in ("offset", "bare")}
    with (
        engines.running(SAFE, clock=(clock, logs["offset"])) as (offset, _),
        engines.running(BARE, has_offset=False, clock=(clock, logs["bare"])) as (
            bare,
            _,
        ),
    ):
        for streams in STREAMS:
            for _ in range(ROUNDS):
                ask(offset, streams=streams)
                ask(bare, streams=streams)
    told = summary({name: log.read_text() for name, log in logs.items()})
    return told | {"size_ratio": round(place.size_ratio, 4)}


def summary(logs: dict[str, str]) -> dict[str, Any]:
    """Return median steps in milliseconds and their ratio, for each number of streams.

    Args:
        logs: What was written down with the offset and without it.
    """
    told: dict[str, Any] = {"step_ms": {}, "to_bare": {}}
    for streams in STREAMS:
        ms = {
            name: 1e3 * statistics.median(steps(log.splitlines(), tokens=streams))
            for name, log in logs.items()
        }
        told["step_ms"][str(streams)] = {name: round(ms[name], 2) for name in ms}
        told["to_bare"][str(streams)] = round(ms["offset"] / ms["bare"], 3)
    return told


def steps(lines: Sequence[str], *, tokens: int) -> list[float]:
    """Return the seconds of steps with so many tokens, one for each stream."""
    told = [line.split() for line in lines]
    return [float(seconds) for count, seconds in told if int(count) == tokens]


def ask(address: str, *, streams: int) -> None:
    """Let an engine answer some questions together."""

    def one(number: int) -> None:
        body = {
            "model": BASE_MODEL,
            "prompt": [4 + number, *range(9, 29)],
            "max_tokens": TOKENS,
            "temperature": 0,
            "ignore_eos": True,
        }
        answer = httpx.post(
            f"{address}/v1/completions", json=body, timeout=PATIENCE_SECONDS
        )
        answer.raise_for_status()

    with ThreadPoolExecutor(streams) as pool:
        list(pool.map(one, range(streams)))
